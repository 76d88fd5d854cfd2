"""Where the tests of the GPU's side run: on the strict stand-in, whose kernels the host runs; and on CuPy, with `-m gpu`."""

import importlib.util
from typing import Any

import cuda_on_host
import numpy as np
import pytest
from strict_backend import StrictBackend

import albert_np as ab
from albert_np.core import backend

NO_COMPILER = pytest.mark.skipif(cuda_on_host.COMPILER is None, reason="there is no g++ to run CUDA kernels on the host")
NO_CUPY = pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
DEVICES = [pytest.param("strict", marks=NO_COMPILER), pytest.param("cupy", marks=[pytest.mark.gpu, NO_CUPY])]


class Device:
    """A backend in use."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def put(self, host: np.ndarray) -> Any:
        return self.own.asarray(host)

    def like(self, dtype: Any) -> Any:
        """An empty array that lives there."""
        return self.own.asarray(np.empty(0, dtype))


def on_device(name: str, monkeypatch: Any) -> Device:
    """This backend, in use for the rest of the test."""
    monkeypatch.setattr(backend, "_known", [*backend._known, *([StrictBackend()] if name == "strict" else [])])
    monkeypatch.setattr(backend, "_current", backend.current())
    ab.use(name)
    return Device(backend.current())


def put(host: np.ndarray, like: Any) -> Any:
    return backend.asarray_like(host, like)


def to_host(x: Any) -> np.ndarray:
    return np.asarray(x) if isinstance(x, np.ndarray | np.generic) else backend.to_host(x)
