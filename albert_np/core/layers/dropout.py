"""Dropout (Srivastava et al. 2014): each element is zeroed with probability `rate`, the others grow by 1 / (1 - rate).

    y = x m / (1 - rate)          dx = dy m / (1 - rate)          (`rate` to the nearest 1/65536)

The mask m comes from a counter-based generator (core/random.py): it is a function of seed, step, layer, example, token and
element. So a layer that is computed again in the backward pass gets the same mask.
"""

from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.random import RANGE, Key, random_bits, threshold


@op
def dropout(x: Array, rate: float, dropout_key: Key) -> tuple[Array, Cache]:
    """x (N, W) -> y (N, W). Without a key, or with rate 0, y is x."""
    if dropout_key is None or threshold(rate) == 0:
        return x, None
    keep = random_bits(dropout_key.words(), dropout_key.rows, x.shape[-1]) >= threshold(rate)  # (N, W)
    scale = RANGE / (RANGE - threshold(rate))
    return x * keep * scale, (keep, scale)


@op
def dropout_backward(dy: Array, cache: Cache) -> Array:
    """dy (N, W) -> dx (N, W)"""
    if cache is None:
        return dy
    keep, scale = cache
    return dy * keep * scale
