"""Twin of core/layers/dropout.py: the same bits, a block of rows at a time, in the cache."""

from typing import Any

import numpy as np

from albert_np.core.random import RANGE, Dropout, threshold
from albert_np.engine.cpu.philox import keep_mask


def dropout(x: Any, rate: float, rng: Dropout | None) -> tuple[Any, Any]:
    """x (N, W) -> y (N, W). With rng None or rate 0 nothing happens."""
    if rng is None or threshold(rate) == 0:
        return x, None
    keep = keep_mask(rng.key(), rng.rows, x.shape[-1], threshold(rate))  # (N, W)
    scale = RANGE / (RANGE - threshold(rate))
    y = np.multiply(x, keep)
    y *= scale
    return y, (keep, scale)


def dropout_backward(dy: Any, cache: Any) -> Any:
    """dy (N, W) -> dx (N, W)"""
    if cache is None:
        return dy
    keep, scale = cache
    dx = np.multiply(dy, keep)
    dx *= scale
    return dx
