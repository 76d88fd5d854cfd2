"""CUDA through CuPy: compile and launch kernels, multiply matrices, capture graphs. Importing it requires CuPy and a device."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import cupy
import numpy as np
from cupy.cuda import device
from cupy_backends.cuda.libs import cublas

from albert_np.core.dispatch import Array
from albert_np.engine.gpu.launch import Argument

TYPES = {"float16": 2, "float32": 0, "float64": 1}  # CUDA_R_16F, CUDA_R_32F, CUDA_R_64F
EXACT, TF32, DOUBLE = cublas.CUBLAS_COMPUTE_32F, cublas.CUBLAS_COMPUTE_32F_FAST_TF32, cublas.CUBLAS_COMPUTE_64F
NUMBERS = {  # α and β of cuBLAS's products, which are passed by address
    np.dtype(kind): (np.array(1, kind), np.array(0, kind)) for kind in (np.float32, np.float64)
}
NULL = np.uintp(0)


@cache
def compiled(source: str, name: str, device_id: int) -> Any:
    """Return a kernel, compiled by NVRTC for this device (CuPy caches the binary on disk)."""
    return cupy.RawModule(code=source, options=("--std=c++17",)).get_function(name)


def launch(source: str, name: str, blocks: int, threads: int, arguments: list[Argument]) -> None:
    """See `CupyBackend.launch`."""
    kernel = compiled(source, name, device.get_device_id())
    kernel((blocks,), (threads,), tuple(NULL if x is None else x for x in arguments))


def product(a: Array, b: Array, out: Array, transpose_a: bool, transpose_b: bool, add: bool, tf32: bool) -> None:
    """See `CupyBackend.product`.

    cuBLAS stores matrices by columns, so our row-major a is its aᵀ: it computes outᵀ = bᵀ aᵀ. Products of float16 are accumulated
    in float32.
    """
    for x in (a, b, out):
        if not x.flags.c_contiguous:
            raise ValueError(f"product: expected contiguous arrays, got one of shape {x.shape} with strides {x.strides}")
    m, n = out.shape[-2:]
    k, count = a.shape[-2 if transpose_a else -1], math.prod(out.shape[:-2])
    if not out.size or not k:
        if not add:
            out[...] = 0
        return
    compute = DOUBLE if out.dtype == np.float64 else TF32 if tf32 and a.dtype == np.float32 else EXACT
    one, zero = NUMBERS[np.dtype(np.float64 if compute == DOUBLE else np.float32)]
    beta = one if add else zero
    # (address, type, columns, elements from one matrix to the next) of each
    (b_at, b_type, b_row, b_next), (a_at, a_type, a_row, a_next), (at, kind, row, next_) = (
        (x.data.ptr, TYPES[x.dtype.name], x.shape[-1], x.shape[-2] * x.shape[-1]) for x in (b, a, out)
    )
    handle = device.get_cublas_handle()
    sizes = handle, int(transpose_b), int(transpose_a), n, m, k, one.ctypes.data
    if count == 1:
        cublas.gemmEx(
            *sizes, b_at, b_type, b_row, a_at, a_type, a_row, beta.ctypes.data, at, kind, row,
            compute, cublas.CUBLAS_GEMM_DEFAULT,
        )  # fmt: skip
    else:
        cublas.gemmStridedBatchedEx(
            *sizes, b_at, b_type, b_row, b_next, a_at, a_type, a_row, a_next, beta.ctypes.data, at, kind, row, next_, count,
            compute, cublas.CUBLAS_GEMM_DEFAULT,
        )  # fmt: skip


@cache
def capture_resources() -> tuple[Any, Any]:
    """Return the memory pool and the stream with which all graphs are captured.

    A graph contains addresses, so memory that is allocated during the capture must not be reused outside of graphs: it has its
    own pool. All graphs share that pool, since they are replayed one after another and results are copied before the next replay.
    """
    return cupy.cuda.MemoryPool(), cupy.cuda.Stream(non_blocking=True)


def capture(work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
    """See `CupyBackend.capture`."""
    pool, stream = capture_resources()
    cupy.cuda.get_current_stream().synchronize()  # the inputs of work must be complete
    with cupy.cuda.using_allocator(pool.malloc), stream:
        stream.begin_capture()
        try:
            result = work()
        finally:
            graph = stream.end_capture()

    def replay() -> None:
        graph.launch(cupy.cuda.get_current_stream())

    replay()
    return replay, result
