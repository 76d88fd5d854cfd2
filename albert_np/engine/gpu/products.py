"""Matrix products by cuBLAS, which takes its operands as they lie: transposed or not, and adding to what is there."""

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array


def product(a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> Array:
    """a (..., m, k), b (..., k, n), each also the other way round -> (..., m, n)"""
    m, n = a.shape[-1 if transpose_a else -2], b.shape[-2 if transpose_b else -1]
    out = np.empty_like(a, shape=(*a.shape[:-2], m, n))
    backend.of(a).product(a, b, out, transpose_a, transpose_b, False)
    return out


def add_product(out: Array, a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> None:
    """out += a b, in place. out may be float32 where a and b are float16: gradients are added up so."""
    backend.of(a).product(a, b, out, transpose_a, transpose_b, True)


def column_sums(x: Array, into: Array) -> None:
    """into (W,) += Σ_n x_n, x (N, W); added up in the type of `into`"""
    into += x.sum(0, dtype=into.dtype)
