"""The forward pass alone, for NumPy arrays: no caches, and nothing computed that no head reads.

products    x w, with the weights as they lie or in blocks, whichever is faster here
weights     views of a layer's weights, divided among threads; blocks of them, while the parameters are read-only
attention   attention of all rows, or of the rows that the heads read, to all
encoder     the layers
team        threads that share one batch
"""

from albert_np.engine.inference.encoder import blas_threads, encode, number_of_workers
from albert_np.engine.inference.products import describe_measured_blocks, describe_products
from albert_np.engine.inference.weights import is_prepared, prepare, release

__all__ = [
    "blas_threads", "describe_measured_blocks", "describe_products", "encode", "is_prepared", "number_of_workers", "prepare",
    "release",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
