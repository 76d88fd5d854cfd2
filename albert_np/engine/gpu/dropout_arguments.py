"""The kernel arguments of a dropout layer. Masks are not stored: the backward pass computes the same bits again."""

from typing import TypeAlias

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.random import RANGE, RandomKey, threshold

# rows (N, 2) int64; the key's two words; two words to mix into them, on the device, or None; the threshold; the scale
DropoutArguments: TypeAlias = tuple[Array | None, np.uint32, np.uint32, Array | None, np.uint32, np.float64]
NO_DROPOUT: DropoutArguments = None, np.uint32(0), np.uint32(0), None, np.uint32(0), np.float64(1)


def dropout_arguments(rate: float, dropout_key: RandomKey | None) -> DropoutArguments:
    """Return the arguments that every kernel with dropout takes; `NO_DROPOUT` without a key or with rate 0."""
    if dropout_key is None or threshold(rate) == 0:
        return NO_DROPOUT
    on_device = getattr(dropout_key, "device_step_words", None)  # in captured steps, see engine/step_graphs.py
    low, high = dropout_key.words() if on_device is None else dropout_key.place_words()
    t = threshold(rate)
    return dropout_key.rows, np.uint32(low), np.uint32(high), on_device, np.uint32(t), np.float64(RANGE / (RANGE - t))
