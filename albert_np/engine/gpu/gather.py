"""Kernel of core/layers/gather.py: rows that repeat add up in their order, so results are reproducible."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.engine.gpu.embedding import add_rows


def gather(x: Array, rows: Array) -> tuple[Array, Cache]:
    """x (N, W), rows (M,) integers -> y (M, W)"""
    return np.take(x, rows, axis=0), (rows.astype(np.int64), x)


def gather_backward(dy: Array, cache: Cache) -> Array:
    """dy (M, W) -> dx (N, W)"""
    rows, x = cache
    dx = np.zeros_like(x)
    add_rows(dx, rows, dy)
    return dx
