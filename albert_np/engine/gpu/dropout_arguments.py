"""The arguments of a kernel that describe a dropout layer. Masks are not kept: the backward pass computes the same bits again."""

from typing import Any

import numpy as np

from albert_np.core.random import RANGE, RandomKey, threshold

NO_DROPOUT = None, np.uint32(0), np.uint32(0), None, np.uint32(0), np.float64(1)


def dropout_arguments(rate: float, dropout_key: RandomKey | None) -> tuple[Any, ...]:
    """(rows (N, 2) int64, the key's two words, two more to mix in or None, the threshold, the scale), as kernels take them"""
    if dropout_key is None or threshold(rate) == 0:
        return NO_DROPOUT
    on_device = getattr(dropout_key, "device_step_words", None)  # of a captured step: see engine/step_graphs.py
    low, high = dropout_key.words() if on_device is None else dropout_key.place_words()
    t = threshold(rate)
    return dropout_key.rows, np.uint32(low), np.uint32(high), on_device, np.uint32(t), np.float64(RANGE / (RANGE - t))
