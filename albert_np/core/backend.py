"""Where arrays live, and the few operations that differ between NumPy and CuPy.

Layer code says `np.` and is handed arrays: NumPy passes calls on CuPy arrays on to CuPy, so **the data decide the device**.
This file decides only where parameters and batches are put (`use`), and holds what the dispatch does not cover. It is the only
file that imports CuPy (kernels/gpu aside).
"""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from albert_np.core.philox import PER_BLOCK, bits16


class NumpyBackend:
    """Arrays in the memory of this machine."""

    name = "numpy"

    def owns(self, x: Any) -> bool:
        return isinstance(x, (np.ndarray, np.generic))

    def asarray(self, host: Any) -> Any:
        return np.asarray(host)

    def to_host(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def zeros(self, size: int, dtype: Any) -> Any:
        return np.zeros(size, dtype)

    def address(self, x: Any) -> int:
        return x.ctypes.data

    def host_buffer(self, size: int, dtype: Any) -> np.ndarray:
        return np.empty(size, dtype)

    def fetch(self, x: Any, host: np.ndarray) -> None:
        host[...] = x

    def send(self, host: np.ndarray, x: Any) -> None:
        x[...] = host

    def scatter_add(self, target: Any, rows: Any, values: Any) -> None:
        np.add.at(target, rows, values)

    def erf(self, x: Any) -> Any:
        from scipy.special import erf

        return erf(x)

    def describe(self) -> str:
        return "the CPU"


class CupyBackend:
    """Arrays on a CUDA device. Raises RuntimeError, naming what to install, where CuPy or a device is missing.

    tf32: whether products of float32 matrices may round their factors to 10 bits (and add up in float32): several times faster.
    """

    name = "cupy"

    def __init__(self) -> None:
        try:
            import cupy
        except ImportError as error:
            raise RuntimeError(
                f"the cupy backend needs CuPy, which is not installed: {what_to_install(driver_version())}"
            ) from error
        if not cupy.cuda.is_available():
            raise RuntimeError(
                f"the cupy backend needs a CUDA device and its driver; CuPy found none on this machine{why_none()}"
            )
        from albert_np.engine.gpu import cuda
        from albert_np.engine.mpi import launcher

        self.cupy, self.cuda = cupy, cuda
        self.tf32 = os.environ.get("ALBERT_NP_TF32", "") not in ("", "0")
        self.choose(launcher.local_rank() % cupy.cuda.runtime.getDeviceCount())  # mpiexec: a GPU for each process

    def choose(self, device: int) -> None:
        """Put arrays on this one of several devices from now on."""
        count = self.cupy.cuda.runtime.getDeviceCount()
        if device >= count:
            raise ValueError(f"there is no device cupy:{device}; this machine has {count}, from cupy:0 on")
        self.cupy.cuda.Device(device).use()

    def owns(self, x: Any) -> bool:
        return isinstance(x, self.cupy.ndarray)

    def asarray(self, host: Any) -> Any:
        """CuPy copies through pinned memory, and does not wait for the copy: the device computes meanwhile."""
        return self.cupy.asarray(host)

    def to_host(self, x: Any) -> np.ndarray:
        return self.cupy.asnumpy(x)

    def zeros(self, size: int, dtype: Any) -> Any:
        return self.cupy.zeros(size, dtype)

    def address(self, x: Any) -> int:
        return x.data.ptr

    # what processes need that exchange arrays (engine/mpi/links.py)

    def host_buffer(self, size: int, dtype: Any) -> np.ndarray:
        """Page-locked: copies to and from it go at the bus's full speed."""
        import cupyx

        return cupyx.empty_pinned(size, dtype)

    def fetch(self, x: Any, host: np.ndarray) -> None:
        x.get(out=host)  # waits until x is computed

    def send(self, host: np.ndarray, x: Any) -> None:
        x.set(host)
        self.cupy.cuda.get_current_stream().synchronize()  # before the host's array is used for something else

    def device_name(self, x: Any) -> str:
        """Of the device that holds x; another name for every device of a machine, whichever of them a process is shown."""
        return x.device.pci_bus_id

    def stream(self) -> int:
        return self.cupy.cuda.get_current_stream().ptr

    def nccl(self) -> Any:
        """CuPy's door to NCCL; None where the library is not there."""
        try:
            from cupy.cuda import nccl
        except ImportError:
            return None
        return nccl if nccl.available else None

    def scatter_add(self, target: Any, rows: Any, values: Any) -> None:
        """By atomic operations: where rows repeat, in no fixed order. engine/gpu/embedding.py has the form that is the same
        every time."""
        self.cupy.add.at(target, rows, values)

    def erf(self, x: Any) -> Any:
        from cupyx.scipy.special import erf

        return erf(x)

    # ---- what kernels/gpu asks for ----

    def launch(self, source: str, name: str, blocks: int, threads: int, arguments: list[Any]) -> None:
        """Run a CUDA kernel. arguments: arrays, None for no array, NumPy scalars."""
        self.cuda.launch(source, name, blocks, threads, arguments)

    def product(self, a: Any, b: Any, out: Any, transpose_a: bool, transpose_b: bool, add: bool) -> None:
        """out = a b, or out += a b, of contiguous (..., ·, ·) arrays, each of them also the other way round."""
        self.cuda.product(a, b, out, transpose_a, transpose_b, add, self.tf32)

    def record(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Record what `work` asks of the device, and do it -> what does it again on whatever its arrays then hold, and what it
        found (where the next time writes over it). Work may neither wait for the device nor send anything to it."""
        return self.cuda.record(work)

    def memory(self) -> dict[str, int]:
        """Bytes: used by arrays, held by CuPy's pool (used ones included), free on the device, total of the device."""
        pool = self.cupy.get_default_memory_pool()
        free, total = self.cupy.cuda.runtime.memGetInfo()
        return {"used": pool.used_bytes(), "held": pool.total_bytes(), "free": free, "total": total}

    def describe(self) -> str:
        """The device's name, for people."""
        device = self.cupy.cuda.Device()
        return f"{self.cupy.cuda.runtime.getDeviceProperties(device.id)['name'].decode()} (cupy:{device.id})"


def driver_version() -> int | None:
    """The CUDA version of the NVIDIA driver, such as 13; None without a driver."""
    number = ctypes.c_int(0)
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return None
    return number.value // 1000 or None


def what_to_install(version: int | None) -> str:
    """The extra for the driver's CUDA version."""
    if version is None:
        return "pip install 'albert_np[cuda13]' for CUDA 13, or 'albert_np[cuda12]' for CUDA 12 (no NVIDIA driver was found here)"
    if version < 12:
        return f"the driver here has CUDA {version}, and CuPy needs 12 or 13: update the driver first"
    extra = "cuda13" if version >= 13 else "cuda12"
    return f"pip install 'albert_np[{extra}]' (the driver here has CUDA {version})"


def why_none() -> str:
    version = driver_version()
    return "" if version is None else f", whose driver has CUDA {version}: is the CuPy that is installed for a later one?"


Backend = NumpyBackend | CupyBackend
NAMES = ("numpy", "cupy")
_known: list[Any] = [NumpyBackend()]  # those that have been used in this process
_current: Any = None


def named(name: str) -> Any:
    """The backend of this name, made ready on first use. "cupy:1" is CuPy on the second of several devices."""
    name, colon, device = name.partition(":")
    known = {backend.name: backend for backend in _known}
    if name not in (*known, *NAMES) or (colon and (name == "numpy" or not device.isdecimal())):
        raise ValueError(f"unknown backend {name + colon + device!r}; there are {' and '.join(NAMES)} (cupy:1: a second GPU)")
    if name not in known:
        known[name] = CupyBackend()
        _known.append(known[name])
    if colon:
        known[name].choose(int(device))
    return known[name]


def use(name: str) -> None:
    """Put parameters and batches made from now on here: "numpy", "cupy" or "cupy:1" (also: the variable ALBERT_NP_BACKEND).

    Raises ValueError for another name or device, RuntimeError where CuPy or a CUDA device is missing.

    >>> use("torch")
    Traceback (most recent call last):
    ValueError: unknown backend 'torch'; there are numpy and cupy (cupy:1: a second GPU)
    """
    global _current
    _current = named(name)


def current() -> Any:
    """The backend in use; at first the one that ALBERT_NP_BACKEND names, or NumPy."""
    if _current is None:
        use(os.environ.get("ALBERT_NP_BACKEND", "numpy"))
    return _current


def of(x: Any) -> Any:
    """The backend on which this array lives."""
    for backend in _known:
        if backend.owns(x):
            return backend
    if "cupy" in sys.modules and "cupy" not in [backend.name for backend in _known]:
        named("cupy")
        return of(x)
    raise TypeError(f"expected an array of a backend in use, got {type(x).__name__}")


def has_kernels(x: Any) -> bool:
    """Whether this is an array of a backend that runs CUDA kernels."""
    return type(x) is not np.ndarray and hasattr(x, "dtype") and hasattr(of(x), "launch")


# ---- moving arrays ----


def asarray(host: Any) -> Any:
    """Put host data on the backend in use."""
    return current().asarray(host)


def asarray_like(host: Any, like: Any) -> Any:
    """Put a host array where `like` lives. The dtype stays the host array's."""
    return of(like).asarray(host)


def to_host(x: Any) -> np.ndarray:
    """A NumPy array of x, wherever it lives."""
    return of(x).to_host(x)


def aligned_zeros_like(like: Any, size: int | None = None, dtype: Any = None) -> Any:
    """A flat array of zeros on the device of `like`, starting on a 64-byte boundary."""
    backend, dtype = of(like), np.dtype(like.dtype if dtype is None else dtype)
    size = like.size if size is None else size
    spare = 64 // dtype.itemsize
    raw = backend.zeros(size + spare, dtype)
    start = -backend.address(raw) % 64 // dtype.itemsize
    return raw[start : start + size]


# ---- the operations that layers may ask for ----


def scatter_add(target: Any, rows: Any, values: Any) -> None:
    """target[rows[i]] += values[i] for every i, in place; rows that repeat add up."""
    of(target).scatter_add(target, rows, values)


def erf(x: Any) -> Any:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt."""
    return of(x).erf(x)


def random_bits(key: tuple[int, int], rows: Any, columns: int) -> Any:
    """Uniform 16-bit numbers for each element of these rows: rows (N, 2) (example, token) -> (N, columns) uint16.

    A number depends on the key, the row's two integers and its column, on nothing else.
    """
    blocks = asarray_like(np.arange(-(-columns // PER_BLOCK)), rows)
    return bits16(key, rows, blocks)[:, :columns]
