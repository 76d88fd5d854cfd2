"""Twin of core/layers/dropout.py: the same bits, made where they are used; nothing is kept."""

from typing import Any

import numpy as np

from albert_np.core.random import Dropout, threshold
from albert_np.engine.gpu.activations import THREADS, blocks_for
from albert_np.engine.gpu.dropping import drop_of
from albert_np.engine.gpu.launch import contiguous, launch


def dropout(x: Any, rate: float, rng: Dropout | None) -> tuple[Any, Any]:
    """x (N, W) -> y (N, W). With rng None or rate 0 nothing happens."""
    if rng is None or threshold(rate) == 0:
        return x, None
    drop = drop_of(rate, rng)
    return dropped(x, drop), drop


def dropout_backward(dy: Any, drop: Any) -> Any:
    """dy (N, W) -> dx (N, W)"""
    return dy if drop is None else dropped(dy, drop)


def dropped(x: Any, drop: Any) -> Any:
    x, (N, W) = contiguous(x), x.shape
    y = np.empty_like(x)
    launch("dropout", "dropout", x, blocks_for(x.size, 8), THREADS, x, *drop, np.int64(N), y, W=W)
    return y
