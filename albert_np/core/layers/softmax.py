"""Softmax over the last axis.

    y_i = exp x_i / Σ_k exp x_k            ∂y_j/∂x_i = y_j (δ_ij - y_i)
    dx_i = Σ_j dy_j y_j (δ_ij - y_i) = y_i (dy_i - Σ_j dy_j y_j)

Subtracting the row's largest x changes nothing (it cancels) and keeps exp from overflowing.
"""

import numpy as np

from albert_np.core.dispatch import Array, op


@op
def softmax(x: Array) -> tuple[Array, Array]:
    """x (..., W) -> y (..., W), each row with sum 1; -inf gives 0, and a row of only -inf NaN"""
    e = np.exp(x - x.max(-1, keepdims=True))
    y = e / e.sum(-1, keepdims=True)
    return y, y


@op
def softmax_backward(dy: Array, y: Array) -> Array:
    """dy (..., W) -> dx (..., W)"""
    return y * (dy - (dy * y).sum(-1, keepdims=True))
