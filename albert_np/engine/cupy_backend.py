"""The CuPy backend: arrays on a CUDA device. Only this file and gpu/cuda.py import CuPy."""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from albert_np.core.dispatch import Array
from albert_np.engine.webassembly import refuse_in_webassembly


def owns(x: Any) -> bool:
    """Return whether x is a CuPy array."""
    return "cupy" in sys.modules and isinstance(x, sys.modules["cupy"].ndarray)


class CupyBackend:
    """Arrays on a CUDA device.

    tf32 (from ALBERT_NP_TF32): products of float32 matrices round their factors to 10 bits and accumulate in float32, which is
    several times faster.

    Raises RuntimeError, which names what to install, if CuPy or a device is missing; also in WebAssembly, which has no GPUs.
    """

    name = "cupy"

    def __init__(self) -> None:
        refuse_in_webassembly("the cupy backend", "a GPU", "the numpy backend computes the same on the processor")
        try:
            import cupy
        except ImportError as error:
            raise RuntimeError(
                f"the cupy backend needs CuPy, which is not installed: {install_command(driver_version())}"
            ) from error
        if not cupy.cuda.is_available():
            raise RuntimeError(
                f"the cupy backend needs a CUDA device and its driver; CuPy found none on this machine{no_device_hint()}"
            )
        from albert_np.engine import gpu
        from albert_np.engine.gpu import cuda
        from albert_np.engine.mpi import launcher

        gpu.register(cupy.ndarray)
        self.cupy, self.cuda = cupy, cuda
        self.tf32 = os.environ.get("ALBERT_NP_TF32", "") not in ("", "0")
        self.choose(launcher.local_rank() % cupy.cuda.runtime.getDeviceCount())  # with mpiexec: one GPU per process

    def choose(self, device: int) -> None:
        """Put arrays on this device, an index, from now on."""
        count = self.cupy.cuda.runtime.getDeviceCount()
        if device >= count:
            raise ValueError(f"there is no device cupy:{device}; this machine has {count}, from cupy:0 on")
        self.cupy.cuda.Device(device).use()

    def asarray(self, host: Array) -> Array:
        """Copy a host array to the device through pinned memory, without waiting for the copy."""
        return self.cupy.asarray(host)

    def to_host(self, x: Array) -> np.ndarray:
        return self.cupy.asnumpy(x)

    def zeros(self, size: int, dtype: DTypeLike) -> Array:
        return self.cupy.zeros(size, dtype)

    def address(self, x: Array) -> int:
        return x.data.ptr

    # ---- used by processes that exchange arrays (engine/mpi/links.py) ----

    def host_buffer(self, size: int, dtype: DTypeLike) -> np.ndarray:
        """Return a page-locked host array: copies to and from it run at the full speed of the bus."""
        import cupyx

        return cupyx.empty_pinned(size, dtype)

    def fetch(self, x: Array, host: np.ndarray) -> None:
        x.get(out=host)  # waits until x is computed

    def send(self, host: np.ndarray, x: Array) -> None:
        x.set(host)
        self.cupy.cuda.get_current_stream().synchronize()  # before the host array is used again

    def device_name(self, x: Array) -> str:
        """Return the PCI address of the device of x, unique on a machine even if devices are hidden or renumbered."""
        return x.device.pci_bus_id

    def stream(self) -> int:
        return self.cupy.cuda.get_current_stream().ptr

    def nccl(self) -> Any:
        """Return CuPy's module for NCCL; None if the library is missing."""
        try:
            from cupy.cuda import nccl
        except ImportError:
            return None
        return nccl if nccl.available else None

    def scatter_add(self, target: Array, rows: Array, values: Array) -> None:
        """Add with atomic operations: if rows repeat, the order of summation varies. engine/gpu/embedding.py is deterministic."""
        self.cupy.add.at(target, rows, values)

    def erf(self, x: Array) -> Array:
        from cupyx.scipy.special import erf

        return erf(x)

    # ---- used by engine/gpu ----

    def launch(self, source: str, name: str, blocks: int, threads: int, arguments: list[Array | np.generic | None]) -> None:
        """Run a CUDA kernel. arguments: arrays, None for a null pointer, NumPy scalars."""
        self.cuda.launch(source, name, blocks, threads, arguments)

    def product(self, a: Array, b: Array, out: Array, transpose_a: bool, transpose_b: bool, add: bool) -> None:
        """out = a b, or out += a b (add), of contiguous (..., ·, ·) arrays, either of them transposed."""
        self.cuda.product(a, b, out, transpose_a, transpose_b, add, self.tf32)

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Run `work` and capture its launches in a graph. Return a function that replays it on the current values of its arrays,
        and the result of `work`, which a replay overwrites. `work` must not wait for the device or copy host data to it."""
        return self.cuda.capture(work)

    def memory(self) -> dict[str, int]:
        """Return bytes: used by arrays, held by CuPy's pool (including these), free on the device, total of the device."""
        pool = self.cupy.get_default_memory_pool()
        free, total = self.cupy.cuda.runtime.memGetInfo()
        return {"used": pool.used_bytes(), "held": pool.total_bytes(), "free": free, "total": total}

    @property
    def device(self) -> str:
        """The device's name and index."""
        device = self.cupy.cuda.Device()
        return f"{self.cupy.cuda.runtime.getDeviceProperties(device.id)['name'].decode()} (cupy:{device.id})"


def driver_version() -> int | None:
    """Return the major CUDA version of the NVIDIA driver, such as 13; None without a driver."""
    number = ctypes.c_int(0)
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return None
    return number.value // 1000 or None


def install_command(version: int | None) -> str:
    """Return the command that installs CuPy for the driver's CUDA version."""
    if version is None:
        return "pip install 'albert_np[cuda13]' for CUDA 13, or 'albert_np[cuda12]' for CUDA 12 (no NVIDIA driver was found here)"
    if version < 12:
        return f"the driver here has CUDA {version}, and CuPy needs 12 or 13: update the driver first"
    extra = "cuda13" if version >= 13 else "cuda12"
    return f"pip install 'albert_np[{extra}]' (the driver here has CUDA {version})"


def no_device_hint() -> str:
    """Return a likely reason why CuPy found no device, to append to a message."""
    version = driver_version()
    return "" if version is None else f", whose driver has CUDA {version}: is the CuPy that is installed for a later one?"
