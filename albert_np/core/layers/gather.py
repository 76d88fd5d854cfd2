"""Some rows of many: the masked tokens for the MLM head, the [CLS] tokens for the pooler.

y_m = x[rows_m]            dx[rows_m] += dy_m, and 0 elsewhere
"""

from typing import Any

import numpy as np

from albert_np.core.backend import scatter_add


def gather(x: Any, rows: Any) -> tuple[Any, Any]:
    """x (N, W), rows (M,) integers -> y (M, W)"""
    return np.take(x, rows, axis=0), (rows, x)


def gather_backward(dy: Any, cache: Any) -> Any:
    """dy (M, W) -> dx (N, W)"""
    rows, x = cache
    dx = np.zeros_like(x)
    scatter_add(dx, rows, dy)
    return dx
