"""Kernel of core/layers/fusion.py in one piece."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace


def fuse(low: Array, high: Array, p: Namespace) -> tuple[Array, Cache]:
    """low, high (N, H); p.w (2H, H), p.b (H,) -> h (N, H)"""
    both = np.concatenate([low, high], axis=-1)  # (N, 2H)
    h = np.tanh(both @ p.w + p.b)  # (N, H)
    return h, (both, h)


def fuse_backward(dh: Array, cache: Cache, p: Namespace, g: Namespace) -> tuple[Array, Array]:
    """dh (N, H) -> dlow, dhigh (N, H); adds to g.w and g.b"""
    both, h = cache
    dz = dh * (1 - h * h)  # (N, H)
    g.b += dz.sum(0)
    g.w += both.T @ dz
    dlow, dhigh = np.split(dz @ p.w.T, 2, axis=-1)  # (N, H) each
    return dlow, dhigh
