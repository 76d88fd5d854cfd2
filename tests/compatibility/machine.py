"""What the last bit of a sum or a product depends on, besides the program."""

import sys
from typing import Any

import numpy as np
import scipy
import threadpoolctl


def machine() -> dict[str, Any]:
    """The versions and the processor's instructions that NumPy and its BLAS use. Where they are the same, so is every bit."""
    blas = [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas" and "numpy" in each["filepath"]]
    return {
        "system": sys.platform,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "simd": np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", []),
        "blas": [f"{each['internal_api']} {each['version']} {each.get('architecture', '')}" for each in blas],
    }
