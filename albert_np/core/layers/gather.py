"""Some rows of many, y_m = x[rows_m]: the masked tokens for the MLM head, the [CLS] tokens for the pooler."""

import numpy as np

from albert_np.core.backend import scatter_add
from albert_np.core.dispatch import Array, op


@op
def gather(x: Array, rows: Array) -> tuple[Array, tuple[Array, Array]]:
    """x (N, W), rows (M,) integers -> y (M, W)"""
    return np.take(x, rows, axis=0), (rows, x)


@op
def gather_backward(dy: Array, cache: tuple[Array, Array]) -> Array:
    """dx[rows_m] += dy_m, and 0 elsewhere.   dy (M, W) -> dx (N, W)"""
    rows, x = cache
    dx = np.zeros_like(x)
    scatter_add(dx, rows, dy)
    return dx
