"""Speed: kernels, threads, processes and GPUs, with the results of `core`.

Importing this package registers the kernels for the whole process; `core.active()` lists them.

kernels, cpu/, gpu/    versions of core's operations for NumPy and CuPy arrays; output_rows: the encoder's last layer
blas/                  kernels with SciPy's products, where NumPy has no BLAS
sequences, shards      packed batches with derived data; a batch divided among threads
inference/             the forward pass alone
threads, allocator     threads with one BLAS thread each; glibc's setting for freed memory
webassembly            messages for what that platform lacks
step_graphs, precision, loss_scale, cupy_backend    training steps on a GPU
mpi/                   several processes
"""

from albert_np.core import backend
from albert_np.core.backend import use
from albert_np.engine import blas, cpu, cupy_backend
from albert_np.engine.allocator import keep_freed_memory

__all__ = ["use"]
__dir__ = __all__.copy  # for completion

cpu.register()
blas.choose()
backend.register("cupy", cupy_backend.CupyBackend, cupy_backend.owns)
keep_freed_memory()
