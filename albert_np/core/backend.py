"""Where arrays live. Layers call `np.` functions: NumPy hands calls on another library's arrays to that library, so the arrays
choose the device. Here are the few operations that differ between backends, and where parameters and batches are put (`use`).
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array


class NumpyBackend:
    """Arrays in this machine's memory. Every backend has these methods."""

    name = "numpy"
    device = "the CPU"
    # of a host array; int64 becomes intp, since where that has 32 bits NumPy takes no other indices
    asarray = staticmethod(lambda host: np.asarray(host, np.intp if getattr(host, "dtype", None) == np.int64 else None))
    to_host = staticmethod(np.asarray)  # of an array of this backend
    scatter_add = staticmethod(np.add.at)

    def zeros(self, size: int, dtype: Any) -> Array:
        raw = np.zeros(size + 64 // np.dtype(dtype).itemsize, dtype)
        start = -raw.ctypes.data % 64 // raw.itemsize  # tensors begin on cache lines
        return raw[start : start + size]

    def erf(self, x: Array) -> Array:  # 2/√π ∫₀ˣ exp(-t²) dt
        from scipy.special import erf

        return erf(x)


registered: dict[str, tuple[Callable[[], Any], Callable[[Any], bool]]] = {
    "numpy": (NumpyBackend, lambda x: isinstance(x, np.ndarray | np.generic))
}
ready: dict[str, Any] = {}  # those that have been used in this process
_current: Any = None


def register(name: str, factory: Callable[[], Any], owns: Callable[[Any], bool]) -> None:
    """Make a backend known. factory() is called when it is first used; owns(x): whether x is one of its arrays."""
    registered[name] = factory, owns


def named(name: str) -> Any:
    """Return the backend of this name; it is made on first use. "cupy:1" is the second of several devices."""
    kind, colon, device = name.partition(":")
    if kind not in registered or (colon and (kind == "numpy" or not device.isdecimal())):
        raise ValueError(f"unknown backend {name!r}; there are {' and '.join(registered)} (cupy:1: a second GPU)")
    if kind not in ready:
        ready[kind] = registered[kind][0]()
    if colon:
        ready[kind].choose(int(device))
    return ready[kind]


def use(name: str) -> None:
    """Choose where new arrays are put: "numpy", "cupy", "cupy:1". ValueError for other names, RuntimeError without the device."""
    global _current
    _current = named(name)


def current() -> Any:
    """Return the backend in use; at first the one that ALBERT_NP_BACKEND names, or NumPy."""
    if _current is None:
        use(os.environ.get("ALBERT_NP_BACKEND", "numpy"))
    return _current


def of(x: Array) -> Any:
    """Return the backend on which this array lives."""
    for name, (_, owns) in registered.items():
        if owns(x):
            return named(name)
    raise TypeError(f"expected an array of a backend ({', '.join(registered)}), got {type(x).__name__}")


def asarray(host: Array, like: Array = None) -> Array:
    """Put host data where `like` lives, or on the backend in use. None stays None."""
    return None if host is None else (current() if like is None else of(like)).asarray(host)


def asarray_like(host: Array, like: Array) -> Array:
    """Put a host array where `like` lives. The dtype stays the host array's."""
    return of(like).asarray(host)


def to_host(x: Array) -> np.ndarray:
    """Return x as a NumPy array, wherever it lives."""
    return of(x).to_host(x)


def scatter_add(target: Array, rows: Array, values: Array) -> None:
    """target[rows[i]] += values[i] for every i, in place; rows that repeat add up."""
    of(target).scatter_add(target, rows, values)
