"""Twin of core/layers/activations.py, with the bias of the linear map before it: one kernel for both."""

from typing import Any

import numpy as np

from albert_np.engine.gpu.launch import contiguous, launch

NAMES = ("gelu_new", "gelu", "relu", "tanh")
THREADS, MOST = 256, 4096  # of a block; blocks


def blocks_for(n: int, each: int = 4) -> int:
    """So many blocks that a thread has about `each` numbers."""
    return min(MOST, -(-n // (THREADS * each)))


def activation(x: Any, name: str, bias: Any = None) -> tuple[Any, Any]:
    """x (N, W), bias (W,) or None -> y (N, W) = act(x + bias)"""
    x = contiguous(x)
    y = np.empty_like(x)
    sizes = np.int64(x.size), np.int32(NAMES.index(name))
    launch("activations", "activation", x, blocks_for(x.size), THREADS, x, bias, *sizes, y, W=x.shape[-1])
    return y, (x, bias)


def activation_backward(dy: Any, cache: Any, name: str) -> Any:
    """dy (N, W) -> dx (N, W)"""
    x, bias = cache
    dy = contiguous(dy)
    return slope_times(dy, x, bias, name, np.empty_like(dy))


def slope_times(dy: Any, x: Any, bias: Any, name: str, dx: Any, value: Any = None) -> Any:
    """dy, x (N, W) -> dx (N, W), which may be dy itself; into value (N, W), if there is one, the activation again"""
    sizes = np.int64(x.size), np.int32(NAMES.index(name))
    launch(
        "activations", "activation_backward", x, blocks_for(x.size), THREADS, dy, x, bias, *sizes, dx, value, W=x.shape[-1]
    )  # fmt: skip
    return dx
