"""Devices for tests of the GPU code: the strict stand-in, whose CUDA kernels the host runs, and with `-m gpu` CuPy."""

import importlib.util
from typing import Any

import cuda_on_host
import numpy as np
import pytest
import strict_backend

import albert_np as ab
from albert_np.core import backend, dispatch
from albert_np.core.params import Tree, fill, zero_tree

NO_COMPILER = pytest.mark.skipif(cuda_on_host.COMPILER is None, reason="there is no g++ to run CUDA kernels on the host")
NO_CUPY = pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
DEVICES = [pytest.param("strict", marks=NO_COMPILER), pytest.param("cupy", marks=[pytest.mark.gpu, NO_CUPY])]


class Device:
    """The backend in use."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def put(self, host: np.ndarray) -> Any:
        return self.own.asarray(host)

    def like(self, dtype: Any) -> Any:
        """Return an empty array on this device."""
        return self.own.asarray(np.empty(0, dtype))


def on_device(name: str, monkeypatch: Any) -> Device:
    """Use this backend for the rest of the test."""
    if name == "strict":
        add_strict_backend(monkeypatch)
    monkeypatch.setattr(backend, "_current", backend.current())
    ab.use(name)
    return Device(backend.current())


def add_strict_backend(monkeypatch: Any) -> None:
    """Register the stand-in for CuPy for the rest of the test."""
    for module, table in ((backend, "registered"), (backend, "ready"), (dispatch, "kernels")):
        monkeypatch.setattr(module, table, dict(getattr(module, table)))
    strict_backend.register()


def placed(p: Tree, like: Any) -> Tree:
    """Return the same tree on the device of `like`, in its dtype."""
    tree = zero_tree(p.form, like.dtype, like)
    for (_, array), (_, value) in zip(tree.items(), p.items()):
        fill(array, value)
    return tree


def put(host: np.ndarray, like: Any) -> Any:
    return backend.asarray_like(host, like)


def to_host(x: Any) -> np.ndarray:
    return np.asarray(x) if isinstance(x, np.ndarray | np.generic) else backend.to_host(x)
