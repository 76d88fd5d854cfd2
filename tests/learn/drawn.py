"""A digest of the case that an exercise draws: a change of it would change what known mistakes and seeds of bugs mean."""

import hashlib
from typing import Any

import numpy as np

from albert_np.core.params import Tree
from albert_np.learn.exercise import Case


def describe(value: Any) -> Any:
    """Return a value in lists, tuples and texts, with nine digits of each number."""
    if isinstance(value, Tree):
        return [(name, describe(array)) for name, array in value.items()]
    if isinstance(value, np.ndarray):
        numbers = [f"{x:.9g}" if value.dtype.kind == "f" else str(x) for x in value.reshape(-1).tolist()]
        return "int64" if value.dtype == np.intp else str(value.dtype), value.shape, numbers  # the same on 32-bit platforms
    if isinstance(value, list | tuple):
        return [describe(each) for each in value]
    if isinstance(value, dict):
        return {key: describe(each) for key, each in value.items()}
    if isinstance(value, float):
        return repr(float(f"{value:.9g}"))
    if hasattr(value, "__dict__"):
        return type(value).__name__, {key: describe(each) for key, each in sorted(vars(value).items())}
    return repr(value)


def digest(*cases: Case) -> str:
    return hashlib.sha256(repr([describe(vars(case)) for case in cases]).encode()).hexdigest()[:12]
