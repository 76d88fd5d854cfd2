"""Every CUDA source compiles with NVRTC, for several generations of GPUs and every type. No GPU is needed."""

import ctypes
import importlib.util
import re
from importlib import resources
from pathlib import Path

import pytest

from albert_np.engine.gpu.launch import TYPES, source

FOLDER = resources.files("albert_np.engine.gpu")
FILES = sorted(path.name.removesuffix(".cu") for path in FOLDER.iterdir() if path.name.endswith(".cu"))
WIDTHS = (1, 768)
ARCHITECTURES = [  # Turing, Ampere, Hopper, Blackwell
    pytest.param("sm_75", marks=pytest.mark.slow), pytest.param("sm_80", marks=pytest.mark.slow), "sm_90",
    pytest.param("sm_100", marks=pytest.mark.slow),
]  # fmt: skip


def library():
    """Return NVRTC from NVIDIA's wheel (nvidia-cuda-nvrtc), or None."""
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in spec.submodule_search_locations] if spec else []
    files = [file for place in places for file in sorted(place.glob("**/libnvrtc.so.*")) if "builtins" not in file.name]
    return ctypes.CDLL(str(files[0])) if files else None


NVRTC = library()
pytestmark = pytest.mark.skipif(NVRTC is None, reason="NVRTC is not installed (pip install nvidia-cuda-nvrtc)")


def compiled(text, architecture):
    """Compile a source -> result code and log of the compiler."""
    program = ctypes.c_void_p()
    assert NVRTC.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None) == 0
    options = (ctypes.c_char_p * 2)(b"--std=c++17", f"--gpu-architecture={architecture}".encode())
    result = NVRTC.nvrtcCompileProgram(program, 2, options)
    size = ctypes.c_size_t()
    NVRTC.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    NVRTC.nvrtcGetProgramLog(program, log)
    NVRTC.nvrtcDestroyProgram(ctypes.byref(program))
    return result, log.value.decode()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("file", FILES)
def test_it_compiles_without_a_warning(file, dtype, architecture):
    wide = re.search(r"\bW\b", FOLDER.joinpath(f"{file}.cu").read_text(encoding="utf-8"))
    for gradient_dtype in {dtype, "float32"} if dtype == "float16" else {dtype}:
        for constants in [(("W", W),) for W in WIDTHS] if wide else [()]:
            result, log = compiled(source(file, dtype, gradient_dtype, constants), architecture)
            assert result == 0 and "warning" not in log, log


def test_a_mistake_does_not_compile():
    assert (
        compiled(
            source("softmax", "float32", "float32", (("W", 8),)).replace("block_max(largest)", "block_min(largest)"), "sm_80"
        )[0]
        != 0
    )


def test_every_kernel_is_there():
    assert "activations adam cross_entropy dropout embedding layer_norm softmax tiles weights".split() == FILES
