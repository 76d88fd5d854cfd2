"""bfloat16, which NumPy lacks: the upper half of a float32."""

import numpy as np


def widened(bits: np.ndarray) -> np.ndarray:
    """bfloat16, given as uint16, as float32: the same numbers with 16 more bits of zeros."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrowed(x: np.ndarray) -> np.ndarray:
    """float32 as the nearest bfloat16, in uint16; of two equally near ones that which ends in 0. NaN stays NaN."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(x), np.uint16(0x7FC0), rounded)
