"""Arrays on a CUDA device. The only file besides gpu/cuda.py that imports CuPy."""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array


def owns(x: Any) -> bool:
    """Whether x is one of CuPy's arrays."""
    return "cupy" in sys.modules and isinstance(x, sys.modules["cupy"].ndarray)


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
        from albert_np.engine import gpu
        from albert_np.engine.gpu import cuda
        from albert_np.engine.mpi import launcher

        gpu.register(cupy.ndarray)
        self.cupy, self.cuda = cupy, cuda
        self.tf32 = os.environ.get("ALBERT_NP_TF32", "") not in ("", "0")
        self.choose(launcher.local_rank() % cupy.cuda.runtime.getDeviceCount())  # mpiexec: a GPU for each process

    def choose(self, device: int) -> None:
        """Put arrays on this one of several devices from now on."""
        count = self.cupy.cuda.runtime.getDeviceCount()
        if device >= count:
            raise ValueError(f"there is no device cupy:{device}; this machine has {count}, from cupy:0 on")
        self.cupy.cuda.Device(device).use()

    def asarray(self, host: Array) -> Array:
        """CuPy copies through pinned memory and does not wait for the copy: the device computes meanwhile."""
        return self.cupy.asarray(host)

    def to_host(self, x: Any) -> np.ndarray:
        return self.cupy.asnumpy(x)

    def zeros(self, size: int, dtype: Any) -> Any:
        return self.cupy.zeros(size, dtype)

    def address(self, x: Any) -> int:
        return x.data.ptr

    # ---- for processes that exchange arrays (engine/mpi/links.py) ----

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
        """CuPy's module for NCCL; None if the library is missing."""
        try:
            from cupy.cuda import nccl
        except ImportError:
            return None
        return nccl if nccl.available else None

    def scatter_add(self, target: Any, rows: Any, values: Any) -> None:
        """By atomic operations: where rows repeat, the order varies. engine/gpu/embedding.py has a deterministic version."""
        self.cupy.add.at(target, rows, values)

    def erf(self, x: Any) -> Any:
        from cupyx.scipy.special import erf

        return erf(x)

    # ---- for engine/gpu ----

    def launch(self, source: str, name: str, blocks: int, threads: int, arguments: list[Any]) -> None:
        """Run a CUDA kernel. arguments: arrays, None for no array, NumPy scalars."""
        self.cuda.launch(source, name, blocks, threads, arguments)

    def product(self, a: Any, b: Any, out: Any, transpose_a: bool, transpose_b: bool, add: bool) -> None:
        """out = a b, or out += a b, of contiguous (..., ·, ·) arrays, each of them also the other way round."""
        self.cuda.product(a, b, out, transpose_a, transpose_b, add, self.tf32)

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Run `work` and capture its launches in a graph -> a function that replays it on the current values of its arrays, and
        the result (which a replay overwrites). Work may neither wait for the device nor send anything to it."""
        return self.cuda.capture(work)

    def memory(self) -> dict[str, int]:
        """Bytes: used by arrays, held by CuPy's pool (used ones included), free on the device, total of the device."""
        pool = self.cupy.get_default_memory_pool()
        free, total = self.cupy.cuda.runtime.memGetInfo()
        return {"used": pool.used_bytes(), "held": pool.total_bytes(), "free": free, "total": total}

    @property
    def device(self) -> str:
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
    """A likely reason for finding no device."""
    version = driver_version()
    return "" if version is None else f", whose driver has CUDA {version}: is the CuPy that is installed for a later one?"
