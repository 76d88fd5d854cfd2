"""The affine map. Most of the model's arithmetic happens here.

    y = x w + b            y_no = Σ_i x_ni w_io + b_o

A change of w_io moves y_no by x_ni, in every row n, so the rows' contributions add up. A change of x_ni moves every y_no by w_io.

    dw_io = Σ_n x_ni dy_no        dw = xᵀ dy
    db_o  = Σ_n dy_no
    dx_ni = Σ_o dy_no w_io        dx = dy wᵀ
"""

from albert_np.core.dispatch import Array, op
from albert_np.core.params import Namespace


@op
def linear(x: Array, p: Namespace) -> tuple[Array, Array]:
    """x (N, I), p.w (I, O), p.b (O,) -> y (N, O)"""
    return x @ p.w + p.b, x


@op
def linear_backward(dy: Array, x: Array, p: Namespace, g: Namespace) -> Array:
    """dy (N, O) -> dx (N, I); adds to g.w and g.b"""
    g.b += dy.sum(0)  # (O,)
    g.w += x.T @ dy  # (I, O)
    return dy @ p.w.T  # (N, I)
