"""How the same computation runs fast: kernels, threads, shards, step graphs, precision, processes."""

from albert_np.core.backend import use
from albert_np.engine.allocator import keep_freed_memory

__all__ = ["use"]

keep_freed_memory()
