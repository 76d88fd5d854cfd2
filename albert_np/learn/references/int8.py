"""Small integers times a scale for each row, and a gradient through the rounding (Bengio et al. 2013; Jacob et al. 2018).

    s = max |w| / q of each row, 1 for a row of zeros          q = 127: the largest integer of 8 bits
    n = round(w / s)            inside = |n| ≤ q               y = s · clip(n, -q, q)

With these scales nothing is clipped; smaller ones clip the largest weights and round the others more finely.

The derivative of the rounding is 0 wherever it is defined, so training could not proceed. The rounding is therefore treated as
an error that does not depend on w: y = w + error inside of the grid, and constant beyond its ends. Straight through, then:

    dw = dy where inside, else 0
"""

from typing import Any

import numpy as np


def row_scales(w: Any, q: int) -> Any:
    """w (R, C) -> s (R, 1), positive"""
    largest = np.abs(w).max(-1, keepdims=True)  # (R, 1)
    return np.where(largest > 0, largest / q, 1.0).astype(w.dtype)


def fake_quantise(w: Any, s: Any, q: int) -> tuple[Any, Any]:
    """w (R, C), s (R, 1) -> y (R, C), inside (R, C) booleans"""
    n = np.round(w / s)  # (R, C)
    return s * np.clip(n, -q, q), np.abs(n) <= q


def fake_quantise_backward(dy: Any, inside: Any) -> Any:
    """dy (R, C), inside (R, C) -> dw (R, C)"""
    return dy * inside
