"""A stand-in for a 32-bit platform, such as WebAssembly, where NumPy refuses int64 arrays as indices of some functions.

There `np.intp` has 32 bits, and np.take, np.repeat, np.bincount and np.add.reduceat convert their indices only if no value can
be lost. Here both types have 64 bits, but NumPy has two of those, with different characters: "l", which `np.intp`, np.arange and
np.argsort have, and "q". While `narrow` is in force np.int64 is "q", which is kept by every operation with "l", as int64 is by
one with int32, and the four functions refuse it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

WIDE = np.dtype(np.longlong)
INDICES = {"take": (1, "indices"), "repeat": (1, "repeats"), "bincount": (0, "x")}


class Refused(TypeError):
    """Raised for an index array that a 32-bit platform would not take."""


def check(function: str, index: Any) -> None:
    dtype = index.dtype if hasattr(index, "dtype") else np.asarray(index).dtype
    if dtype.char == WIDE.char or (dtype.kind == "u" and dtype.itemsize >= 4):
        raise Refused(f"np.{function}: an index of {WIDE} cannot be cast to intp where that has 32 bits; see np.intp")


def checked(name: str, place: int, keyword: str) -> Any:
    """The function of NumPy, which checks its indices first."""
    original = getattr(np, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        check(name, kwargs[keyword] if keyword in kwargs else args[place])
        return original(*args, **kwargs)

    return call


class Add:
    """np.add, whose reduceat checks its indices."""

    def __init__(self, ufunc: Any) -> None:
        self._ufunc = ufunc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ufunc(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ufunc, name)

    def reduceat(self, array: Any, indices: Any, *args: Any, **kwargs: Any) -> Any:
        check("add.reduceat", indices)
        return self._ufunc.reduceat(array, indices, *args, **kwargs)


class WideGenerator(np.random.Generator):
    """A random generator whose integers are int64, as they are on every platform."""

    def integers(self, *args: Any, **kwargs: Any) -> Any:
        return _wide(super().integers(*args, **kwargs))

    def choice(self, *args: Any, **kwargs: Any) -> Any:
        return _wide(super().choice(*args, **kwargs))


def _wide(x: Any) -> Any:
    return x.astype(WIDE) if getattr(x, "dtype", None) == np.int64 and getattr(x, "ndim", 0) else x


@contextlib.contextmanager
def narrow() -> Iterator[None]:
    """Indices have 32 bits within the block."""
    names = {**{name: checked(name, *where) for name, where in INDICES.items()}, "add": Add(np.add), "int64": np.longlong}
    with contextlib.ExitStack() as stack:
        for name, value in names.items():
            stack.enter_context(mock.patch.object(np, name, value))
        stack.enter_context(mock.patch.object(np.random, "Generator", WideGenerator))
        yield


def wide(x: Any) -> np.ndarray:
    """The integers as an array that is int64 on a 32-bit platform, as a tokenizer or a user gives them."""
    return np.asarray(x).astype(WIDE)
