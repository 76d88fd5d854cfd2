"""Kernel of core/layers/activations.py, fused with the bias of the linear map before it."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.engine.gpu.launch import contiguous, launch

NAMES = ("gelu_new", "gelu", "relu", "tanh")
THREADS, MAX_BLOCKS = 256, 4096  # threads of a block; blocks of a launch


def blocks_for(n: int, per_thread: int = 4) -> int:
    """Return the number of blocks with which a thread computes about `per_thread` of n elements."""
    return min(MAX_BLOCKS, -(-n // (THREADS * per_thread)))


def activation(x: Array, name: str, bias: Array = None) -> tuple[Array, Cache]:
    """x (N, W), bias (W,) or None -> y (N, W) = act(x + bias)"""
    x = contiguous(x)
    y = np.empty_like(x)
    sizes = np.int64(x.size), np.int32(NAMES.index(name))
    launch("activations", "activation", x, blocks_for(x.size), THREADS, x, bias, *sizes, y, W=x.shape[-1])
    return y, (x, bias)


def activation_backward(dy: Array, cache: Cache, name: str) -> Array:
    """dy (N, W) -> dx (N, W)"""
    x, bias = cache
    dy = contiguous(dy)
    return slope_times(dy, x, bias, name, np.empty_like(dy))


def slope_times(dy: Array, x: Array, bias: Array, name: str, dx: Array, value: Array = None) -> Array:
    """dy, x (N, W) -> dx (N, W), which may be dy itself. The activation is written into value (N, W), unless it is None."""
    sizes = np.int64(x.size), np.int32(NAMES.index(name))
    launch(
        "activations", "activation_backward", x, blocks_for(x.size), THREADS, dy, x, bias, *sizes, dx, value, W=x.shape[-1]
    )  # fmt: skip
    return dx
