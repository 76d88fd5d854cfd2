"""Fast twins of the textbook operations, and the door through which both are reached.

`layers/` holds the version to read. Where a measurement says that it pays, `kernels/cpu` (NumPy's arrays) and `kernels/gpu`
(CuPy's) hold a twin of the same name, arguments and meaning. Which of the two runs is decided by the array that is handed in,
at one place, `pair`; ALBERT_NP_TEXTBOOK=1, or `with kernels.textbook():`, switches the twins off.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from albert_np.core import backend
from albert_np.engine import cpu, gpu

_textbook = os.environ.get("ALBERT_NP_TEXTBOOK", "") not in ("", "0")


@contextmanager
def textbook(on: bool = True) -> Iterator[None]:
    """Within it the textbook operations run (or, with on=False, the twins), in all threads of this process."""
    global _textbook
    before, _textbook = _textbook, on
    try:
        yield
    finally:
        _textbook = before


def twins_of(x: Any) -> Any:
    """The module of twins for this array; None where the textbook is to be used."""
    if _textbook:
        return None
    if type(x) is np.ndarray:
        return None if x.dtype.itemsize < 4 else cpu  # float16 has no BLAS: nothing to gain
    return gpu if backend.has_kernels(x) else None


class Kept(NamedTuple):
    """The cache of a twin's forward pass, and the twins whose backward pass understands it: caches are never mixed."""

    twins: Any
    cache: Any


def pair(forward: Callable[..., Any], backward: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A textbook operation and its backward pass -> the same two as doors to it and to its twins."""
    name = forward.__name__

    @wraps(forward)
    def through(x: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        twins = twins_of(x)
        twin = getattr(twins, name, None)  # not every operation is worth one for every kind of array
        if twin is None:
            return forward(x, *args, **kwargs)
        y, cache = twin(x, *args, **kwargs)
        return y, None if cache is None else Kept(twins, cache)

    @wraps(backward)
    def through_backward(dy: Any, cache: Any, *args: Any, **kwargs: Any) -> Any:
        if type(cache) is Kept:
            return getattr(cache.twins, backward.__name__)(dy, cache.cache, *args, **kwargs)
        return backward(dy, cache, *args, **kwargs)

    return through, through_backward


def look(at: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A textbook function that looks into a cache -> the same as a door to it and to its twin."""

    @wraps(at)
    def through(cache: Any) -> Any:
        return getattr(cache.twins, at.__name__)(cache.cache) if type(cache) is Kept else at(cache)

    return through
