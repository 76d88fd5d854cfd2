"""Kernel of core/layers/pooler.py in one piece; its bias gradient is a plain sum, as B is small."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.core.sequences import Sequences


def pooler(x: Array, p: Namespace, sequences: Sequences) -> tuple[Array, Cache]:
    """x (N, H), p.w (H, H), p.b (H,) -> y (B, H)"""
    rows = sequences.first_rows
    first = np.take(x, rows, axis=0)  # (B, H)
    y = np.tanh(first @ p.w + p.b)  # (B, H)
    return y, (x, rows, first, y)


def pooler_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> Array:
    """dy (B, H) -> dx (N, H), zero except in the first rows; adds to g.w and g.b"""
    x, rows, first, y = cache
    dz = dy * (1 - y * y)  # (B, H)
    g.b += dz.sum(0)
    g.w += first.T @ dz
    dx = np.zeros_like(x)
    np.add.at(dx, rows, dz @ p.w.T)
    return dx
