"""Smaller models: fewer weights that are not 0, fewer bits for each, fewer of them altogether. What it costs is measured.

tensors        which tensors are meant
pruning        weights become 0, while training or at once          quantising     weights become integers, likewise
movement       which of them go by where training moves them
calibration    integers that make the error of what comes out small
files          a small file, and how small it must be
"""

import importlib
from typing import Any

_PLACES = {
    "Packing": "files", "Pruning": "pruning", "Sparsity": "pruning", "prune": "pruning", "was_pruned": "pruning",
    "KINDS": "quantising", "QuantisationAware": "quantising", "kind_of": "quantising", "sparsity": "tensors",
}  # fmt: skip
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
