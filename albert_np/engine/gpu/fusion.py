"""Kernel of core/layers/fusion.py: the kernels of its parts, with the bias added by the tanh's."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.engine.gpu.activations import activation, activation_backward
from albert_np.engine.gpu.linear import linear_backward
from albert_np.engine.gpu.products import product


def fuse(low: Array, high: Array, p: Namespace) -> tuple[Array, Cache]:
    """low, high (N, H); p.w (2H, H), p.b (H,) -> h (N, H)"""
    both = np.concatenate([low, high], axis=-1)  # (N, 2H)
    h, c_tanh = activation(product(both, p.w), "tanh", p.b)
    return h, (both, c_tanh)


def fuse_backward(dh: Array, cache: Cache, p: Namespace, g: Namespace) -> tuple[Array, Array]:
    """dh (N, H) -> dlow, dhigh (N, H); adds to g.w and g.b"""
    both, c_tanh = cache
    dboth = linear_backward(activation_backward(dh, c_tanh, "tanh"), both, p, g)  # (N, 2H)
    dlow, dhigh = np.split(dboth, 2, axis=-1)
    return dlow, dhigh
