"""Kernel of core/layers/softmax.py, in place."""

import numpy as np

from albert_np.core.dispatch import Array


def softmax_in_place(x: Array) -> Array:
    """x (..., W) becomes its softmax"""
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
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
