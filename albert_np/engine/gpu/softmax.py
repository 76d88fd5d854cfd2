"""Kernel of core/layers/softmax.py: a block of threads per row."""

import math

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.engine.gpu.launch import contiguous, launch


def threads_per_block(W: int) -> int:
    return min(512, -(-W // 32) * 32)


def softmax(x: Array) -> tuple[Array, Cache]:
    """x (..., W) -> y (..., W)"""
    x = contiguous(x)
    y, W = np.empty_like(x), x.shape[-1]
    launch("softmax", "softmax", x, math.prod(x.shape[:-1]), threads_per_block(W), x, y, W=W)
    return y, y


def softmax_backward(dy: Array, y: Array) -> Array:
    """dy (..., W) -> dx (..., W)"""
    dy = contiguous(dy)
    dx, W = np.empty_like(dy), dy.shape[-1]
    launch("softmax", "softmax_backward", dy, math.prod(dy.shape[:-1]), threads_per_block(W), dy, y, dx, W=W)
    return dx
