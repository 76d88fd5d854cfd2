"""Kernel of core/layers/linear.py: the bias is added in place, and column sums are matrix products.

Letting BLAS add to g.w (beta = 1) saves 1 % of a step, as measured: not enough to call BLAS directly instead of through NumPy.
"""

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.params import Namespace


def linear(x: Array, p: Namespace) -> tuple[Array, Array]:
    """x (N, I), p.w (I, O), p.b (O,) -> y (N, O)"""
    y = x @ p.w
    y += p.b
    return y, x


def linear_backward(dy: Array, x: Array, p: Namespace, g: Namespace) -> Array:
    """dy (N, O) -> dx (N, I); adds to g.w and g.b"""
    g.b += column_sums(dy)  # (O,)
    g.w += x.T @ dy  # (I, O)
    return dy @ p.w.T  # (N, I)


def column_sums(x: Array) -> Array:
    """x (N, W) -> (W,), as a product: BLAS reads each number once, at the speed of the memory."""
    return np.ones_like(x, shape=len(x)) @ x
