"""Where arrays live: the switch, its messages, and the operations behind it (the strict stand-in has a file of its own)."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

import albert_np as ab
from albert_np.core import backend

without_cupy = pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed here")


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, timeout=60, check=False
    )


def test_numpy_is_the_default():
    ab.use("numpy")
    assert backend.current().name == "numpy" and isinstance(backend.asarray([1, 2]), np.ndarray)


@without_cupy
def test_cupy_that_is_missing_says_what_to_install():
    with pytest.raises(
        RuntimeError, match=r"the cupy backend needs CuPy, which is not installed: pip install 'albert_np\[cuda13\]'"
    ):
        ab.use("cupy")
    assert backend.current().name == "numpy"  # nothing changed


def test_cupy_without_a_device_says_so(monkeypatch):
    class Cuda:
        is_available = staticmethod(lambda: False)

    class Cupy:
        cuda = Cuda

    monkeypatch.setitem(sys.modules, "cupy", Cupy)
    monkeypatch.setattr(backend, "ready", {})
    with pytest.raises(RuntimeError, match="needs a CUDA device"):
        ab.use("cupy")


def test_an_unknown_backend_is_named():
    with pytest.raises(ValueError, match="unknown backend 'torch'; there are numpy and cupy"):
        ab.use("torch")


def test_the_environment_variable():
    ask = "import albert_np.engine; from albert_np.core import backend; print(backend.current().name)"
    assert run(ask, ALBERT_NP_BACKEND="numpy").stdout.strip() == "numpy"
    wrong = run(ask, ALBERT_NP_BACKEND="abacus")
    assert wrong.returncode and "unknown backend 'abacus'" in wrong.stderr


def test_importing_is_light():
    heavy = "scipy sentencepiece safetensors typer rich matplotlib cupy albert_np.apps.cli".split()
    found = run(f"import sys, albert_np; print([m for m in {heavy} if m in sys.modules])")
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


def test_what_is_no_array_has_no_backend():
    with pytest.raises(TypeError, match="expected an array of a backend \\(numpy, cupy\\), got list"):
        backend.of([1.0])


def test_scatter_add_adds_up_repeats():
    target, values = np.zeros((4, 2), np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)
    backend.scatter_add(target, np.array([1, 3, 1]), values)
    assert target.tolist() == [[0, 0], [4, 6], [0, 0], [2, 3]] and target.dtype == np.float32


def test_erf_keeps_the_dtype():
    for dtype in (np.float32, np.float64):
        y = backend.current().erf(np.array([-1, 0, 1], dtype))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, [-0.8427007929497149, 0, 0.8427007929497149], rtol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 16, 1000])
def test_aligned_zeros(size):
    for dtype in (np.float32, np.float64):
        flat = backend.current().zeros(size, dtype)
        assert flat.shape == (size,) and flat.dtype == dtype and flat.ctypes.data % 64 == 0 and not flat.any()
