"""Facts on which the last bits of a result depend: device, libraries, their kernels, and the number of threads."""

import platform
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.engine import blas, threads


def describe_environment() -> dict[str, Any]:
    """Return {"device", "blas", "threads", "numpy"}, such as "openblas 0.3.31 SkylakeX" for the BLAS and its kernels."""
    through = ", through SciPy" if blas.chosen() == "scipy" else ""
    return {
        "device": backend.current().device,
        "processor": platform.machine(),
        "blas": threads.describe_blas() + through,
        "threads": threads.count(),
        "numpy": np.__version__,
    }


def describe_changes(then: dict[str, Any], now: dict[str, Any]) -> str:
    """Return "threads was 2 and is 1; ..." for the facts of another time that are not those of now; "" if all are the same."""
    return "; ".join(f"{key} was {then.get(key)} and is {value}" for key, value in now.items() if value != then.get(key))
