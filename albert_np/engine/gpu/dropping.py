"""What a kernel is told of a dropout layer. The masks are not kept: the same bits come again in the backward pass."""

from typing import Any

import numpy as np

from albert_np.core.random import RANGE, Dropout, threshold

NONE = None, np.uint32(0), np.uint32(0), None, np.uint32(0), np.float64(1)


def drop_of(rate: float, rng: Dropout | None) -> tuple[Any, ...]:
    """(rows (N, 2) int64, the key's two words, two more to mix in or None, the threshold, the scale), as kernels take them"""
    if rng is None or threshold(rate) == 0:
        return NONE
    low, high = rng.key() if rng.step_words is None else rng.words_of_place()
    t = threshold(rate)
    return rng.rows, np.uint32(low), np.uint32(high), rng.step_words, np.uint32(t), np.float64(RANGE / (RANGE - t))
