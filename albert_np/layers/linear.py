"""The affine map. Most of the model's arithmetic is here.

    y = x w + b            y_no = Σ_i x_ni w_io + b_o

A change of w_io moves y_no by x_ni, in every row n: the rows' contributions add up. A change of x_ni moves every y_no by w_io.

    dw_io = Σ_n x_ni dy_no        dw = xᵀ dy
    db_o  = Σ_n dy_no
    dx_ni = Σ_o dy_no w_io        dx = dy wᵀ
"""

from typing import Any


def linear(x: Any, p: Any) -> tuple[Any, Any]:
    """x (N, I), p.w (I, O), p.b (O,) -> y (N, O)"""
    return x @ p.w + p.b, x


def linear_backward(dy: Any, x: Any, p: Any, g: Any) -> Any:
    """dy (N, O) -> dx (N, I); adds into g.w and g.b"""
    g.w += x.T @ dy  # (I, O)
    g.b += dy.sum(0)  # (O,)
    return dy @ p.w.T  # (N, I)
