"""Kernel of core/layers/softmax.py, in place.

Outputs below 1e-19 become 0. Beside a sum of 1 they are far below the rounding (6e-8), but products with them would be subnormal
numbers, below 1e-38, that processors multiply much more slowly: with a few percent of them in dq, dk and dv, a step took twice
as long.
"""

from functools import cache

import numpy as np

from albert_np.core.dispatch import Array


@cache
def negligible(dtype: np.dtype) -> np.floating:
    """Return the square root of the smallest normal number: 1.1e-19 in float32, 1.5e-154 in float64."""
    return np.sqrt(np.finfo(dtype).tiny)


def softmax_in_place(x: Array) -> Array:
    """x (..., W) becomes its softmax"""
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    x *= x > negligible(x.dtype)
    x /= x.sum(-1, keepdims=True)
    return x


def softmax_backward_in_place(dy: Array, y: Array) -> Array:
    """dy (..., W) becomes dx"""
    dy -= np.vecdot(dy, y)[..., None]
    dy *= y
    return dy


def softmax(x: Array) -> tuple[Array, Array]:
    """x (..., W) -> y (..., W)"""
    y = softmax_in_place(x.copy())
    return y, y


def softmax_backward(dy: Array, y: Array) -> Array:
    """dy (..., W) -> dx (..., W)"""
    return softmax_backward_in_place(dy.copy(), y)
