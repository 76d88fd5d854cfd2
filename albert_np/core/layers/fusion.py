"""Fusion of two levels of representation into a higher one.

h = tanh(W [low; high] + b)
"""

from typing import Any

import numpy as np

from albert_np.core.layers.activations import tanh, tanh_backward
from albert_np.core.layers.linear import linear, linear_backward


def fuse(low: Any, high: Any, p: Any) -> tuple[Any, Any]:
    """low, high (N, H); p.w (2H, H), p.b (H,) -> h (N, H)"""
    z, c_linear = linear(np.concatenate([low, high], axis=-1), p)  # (N, H)
    h, c_tanh = tanh(z)
    return h, (c_linear, c_tanh)


def fuse_backward(dh: Any, cache: Any, p: Any, g: Any) -> tuple[Any, Any]:
    """dh (N, H) -> dlow, dhigh (N, H); adds into g.w and g.b"""
    c_linear, c_tanh = cache
    both = linear_backward(tanh_backward(dh, c_tanh), c_linear, p, g)  # (N, 2H)
    dlow, dhigh = np.split(both, 2, axis=-1)
    return dlow, dhigh
