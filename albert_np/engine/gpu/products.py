"""Matrix products by cuBLAS, with transposed operands and accumulation, so that no array is copied."""

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array


def product(a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> Array:
    """a (..., m, k), b (..., k, n), or their transposes (transpose_a, transpose_b) -> (..., m, n)"""
    m, n = a.shape[-1 if transpose_a else -2], b.shape[-2 if transpose_b else -1]
    out = np.empty_like(a, shape=(*a.shape[:-2], m, n))
    backend.of(a).product(a, b, out, transpose_a, transpose_b, False)
    return out


def add_product(out: Array, a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> None:
    """out += a b, in place. out may be float32 if a and b are float16, as gradients are."""
    backend.of(a).product(a, b, out, transpose_a, transpose_b, True)


def column_sums(x: Array, into: Array) -> None:
    """into (W,) += Σ_n x_n, x (N, W); summed in the dtype of `into`"""
    into += x.sum(0, dtype=into.dtype)
