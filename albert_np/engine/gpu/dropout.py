"""Kernel of core/layers/dropout.py: the same random bits, computed where they are used; no mask is stored."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.random import RandomKey, threshold
from albert_np.engine.gpu.activations import THREADS, blocks_for
from albert_np.engine.gpu.dropout_arguments import DropoutArguments, dropout_arguments
from albert_np.engine.gpu.launch import contiguous, launch


def dropout(x: Array, rate: float, dropout_key: RandomKey | None) -> tuple[Array, Cache]:
    """x (N, W) -> y (N, W). Without a key, or with rate 0, y is x."""
    if dropout_key is None or threshold(rate) == 0:
        return x, None
    drop = dropout_arguments(rate, dropout_key)
    return dropped(x, drop), drop


def dropout_backward(dy: Array, drop: DropoutArguments | None) -> Array:
    """dy (N, W) -> dx (N, W)"""
    return dy if drop is None else dropped(dy, drop)


def dropped(x: Array, drop: DropoutArguments) -> Array:
    """Return x after dropout."""
    x, (N, W) = contiguous(x), x.shape
    y = np.empty_like(x)
    launch("dropout", "dropout", x, blocks_for(x.size, 8), THREADS, x, *drop, np.int64(N), y, W=W)
    return y
