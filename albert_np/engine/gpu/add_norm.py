"""Kernel of core/layers/add_norm.py: dropout, sum and layer norm in one kernel, and their backward passes in another."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.core.random import RandomKey
from albert_np.engine.gpu.launch import contiguous
from albert_np.engine.gpu.layer_norm import backward, forward


def add_norm(
    x: Array, f: Array, p: Namespace, eps: float = 1e-12, rate: float = 0.0, dropout_key: RandomKey | None = None
) -> tuple[Array, Cache]:
    """x, f (N, W); p.gamma, p.beta (W,) -> y (N, W)"""
    return forward(x, contiguous(f), p, eps, rate, dropout_key)


def add_norm_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> tuple[Array, Array]:
    """dy (N, W) -> dx, df (N, W); adds to g.gamma and g.beta"""
    _, _, drop = cache
    df = None if drop[0] is None else np.empty_like(dy)
    dx = backward(dy, cache, p, g, df)
    return dx, dx if df is None else df
