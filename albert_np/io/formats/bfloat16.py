"""bfloat16, which NumPy does not have: the upper half of a float32."""

import numpy as np


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Convert bfloat16, given as uint16, to float32: append 16 zero bits."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Convert float32 to the nearest bfloat16, as uint16; ties round to even. NaN stays NaN."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(x), np.uint16(0x7FC0), rounded)
