"""Dropout (Srivastava et al. 2014): each element is zeroed with probability `rate`, the others grow by 1 / (1 - rate).

    y = x m / (1 - rate)          dx = dy m / (1 - rate)          (`rate` to the nearest 1/65536)

The mask m comes from a counter-based generator: it depends on the seed, the step, the layer, the example, the token and the
element, not on what was drawn before. So the backward pass can compute a layer again and meet the same mask.
"""

from typing import Any

from albert_np.core.backend import random_bits
from albert_np.core.random import RANGE, Dropout, threshold


def dropout(x: Any, rate: float, rng: Dropout | None) -> tuple[Any, Any]:
    """x (N, W) -> y (N, W). With rng None or rate 0 nothing happens."""
    if rng is None or threshold(rate) == 0:
        return x, None
    keep = random_bits(rng.key(), rng.rows, x.shape[-1]) >= threshold(rate)  # (N, W)
    scale = RANGE / (RANGE - threshold(rate))
    return x * keep * scale, (keep, scale)


def dropout_backward(dy: Any, cache: Any) -> Any:
    """dy (N, W) -> dx (N, W)"""
    if cache is None:
        return dy
    keep, scale = cache
    return dy * keep * scale
