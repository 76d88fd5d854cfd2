"""Fusion of two levels of representation into a higher one.

h = tanh(W [low; high] + b)
"""

import numpy as np

from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.layers.activations import tanh, tanh_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.params import Namespace


@op
def fuse(low: Array, high: Array, p: Namespace) -> tuple[Array, Cache]:
    """low, high (N, H); p.w (2H, H), p.b (H,) -> h (N, H)"""
    both = np.concatenate([low, high], axis=-1)  # (N, 2H)
    z, c_linear = linear(both, p)  # (N, H)
    h, c_tanh = tanh(z)  # (N, H)
    return h, (c_linear, c_tanh)


@op
def fuse_backward(dh: Array, cache: Cache, p: Namespace, g: Namespace) -> tuple[Array, Array]:
    """dh (N, H) -> dlow, dhigh (N, H); adds to g.w and g.b"""
    c_linear, c_tanh = cache
    dz = tanh_backward(dh, c_tanh)  # (N, H)
    dboth = linear_backward(dz, c_linear, p, g)  # (N, 2H)
    dlow, dhigh = np.split(dboth, 2, axis=-1)  # (N, H) each
    return dlow, dhigh
