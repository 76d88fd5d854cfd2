"""Smaller models: zeros, fewer bits, low-rank factors, fewer heads and neurons. The cost in accuracy is measured.

    structured    remove attention heads and neurons    importance    measure which of them matter least
    low_rank      replace weights by two factors        dense         back to an ordinary ALBERT
    pruning       set weights to 0, gradually or at once movement     ... by the movement of the weights in training
    quantising    int8 and int4, in training or after   calibration   rounding that minimises the error of the outputs
    job           all of these for a model              models        the same for a trained folder, with scores
    sweep         many variants of one model, compared  layers/       the operations with their backward passes
    zeros         counts of zeros

`io.packed_checkpoint` writes the files.
"""

import importlib
from typing import Any

_MODULES = {
    "Pruning": "pruning", "QuantisationAware": "quantising", "SCHEMES": "quantising",
    "Sparsity": "pruning", "get_scheme": "quantising", "prune": "pruning", "sparsity": "zeros", "was_pruned": "pruning",
}  # fmt: skip
__all__ = sorted(_MODULES)
__dir__ = __all__.copy  # for completion


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
