"""Twin of core/layers/fusion.py: the twins of its parts, the bias with the tanh."""

from typing import Any

import numpy as np

from albert_np.engine.gpu.activations import activation, activation_backward
from albert_np.engine.gpu.linear import linear_backward, times


def fuse(low: Any, high: Any, p: Any) -> tuple[Any, Any]:
    """low, high (N, H); p.w (2H, H), p.b (H,) -> h (N, H)"""
    both = np.concatenate([low, high], axis=-1)  # (N, 2H)
    h, c_tanh = activation(times(both, p), "tanh", p.b)
    return h, (both, c_tanh)


def fuse_backward(dh: Any, cache: Any, p: Any, g: Any) -> tuple[Any, Any]:
    """dh (N, H) -> dlow, dhigh (N, H); adds into g.w and g.b"""
    both, c_tanh = cache
    dboth = linear_backward(activation_backward(dh, c_tanh, "tanh"), both, p, g)  # (N, 2H)
    dlow, dhigh = np.split(dboth, 2, axis=-1)
    return dlow, dhigh
