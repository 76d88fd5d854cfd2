"""The affine map. Most of the model's arithmetic is here.

    y = x w + b            y_no = Σ_i x_ni w_io + b_o

A change of w_io moves y_no by x_ni, in every row n: the rows' contributions add up. A change of x_ni moves every y_no by w_io.

    dw_io = Σ_n x_ni dy_no        dw = xᵀ dy
    db_o  = Σ_n dy_no
    dx_ni = Σ_o dy_no w_io        dx = dy wᵀ

A large w may be kept as two thin factors, w = u v with u (I, R) and v (R, O): R (I + O) numbers instead of I O. Then there are
two such maps, one after the other, and the gradient goes back through both. x u is computed again for it, which is cheap: so
the cache is the input in either form.
"""

from typing import Any


def linear(x: Any, p: Any) -> tuple[Any, Any]:
    """x (N, I), p.w (I, O) or its factors p.u (I, R) and p.v (R, O), p.b (O,) -> y (N, O)"""
    if hasattr(p, "u"):
        return (x @ p.u) @ p.v + p.b, x
    return x @ p.w + p.b, x


def linear_backward(dy: Any, x: Any, p: Any, g: Any) -> Any:
    """dy (N, O) -> dx (N, I); adds into g.w, or into g.u and g.v, and into g.b"""
    g.b += dy.sum(0)  # (O,)
    if hasattr(p, "u"):
        g.v += (x @ p.u).T @ dy  # (R, O)
        dxu = dy @ p.v.T  # (N, R)
        g.u += x.T @ dxu  # (I, R)
        return dxu @ p.u.T  # (N, I)
    g.w += x.T @ dy  # (I, O)
    return dy @ p.w.T  # (N, I)
