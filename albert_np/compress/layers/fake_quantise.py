"""Rounding to a grid with a straight-through gradient (Bengio et al. 2013; Jacob et al. 2018).

    y = s · clip(round(w / s), -q, q)          s: the scale, q: the largest integer (127 for 8 bits)

The true derivative is 0 wherever it is defined, so training could not proceed. The rounding is therefore treated as an error that
does not depend on w: within the grid y = w + error, beyond its ends y is constant. Then

    dw = dy  where |round(w / s)| ≤ q, else 0           the scale s is given, not learned
"""

from typing import Any

import numpy as np


def fake_quantise(w: Any, s: Any, q: int) -> tuple[Any, Any]:
    """w (R, C), s (R, 1) or broadcastable to w, positive -> y (R, C)"""
    n = np.round(w / s)
    return s * np.clip(n, -q, q), np.abs(n) <= q


def fake_quantise_backward(dy: Any, inside: Any) -> Any:
    """dy (R, C) -> dw (R, C)"""
    return dy * inside
