"""Kernel of core/layers/dropout.py: the same random bits, computed in blocks of rows that fit the cache."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.random import RANGE, RandomKey, threshold
from albert_np.engine.cpu.philox import keep_mask


def dropout(x: Array, rate: float, dropout_key: RandomKey | None) -> tuple[Array, Cache]:
    """x (N, W) -> y (N, W). Without a key, or with rate 0, y is x."""
    if dropout_key is None or threshold(rate) == 0:
        return x, None
    keep = keep_mask(dropout_key.words(), dropout_key.rows, x.shape[-1], threshold(rate))  # (N, W)
    scale = RANGE / (RANGE - threshold(rate))
    y = np.multiply(x, keep)
    y *= scale
    return y, (keep, scale)


def dropout_backward(dy: Array, cache: Cache) -> Array:
    """dy (N, W) -> dx (N, W)"""
    if cache is None:
        return dy
    keep, scale = cache
    dx = np.multiply(dy, keep)
    dx *= scale
    return dx
