"""Twin of core/layers/linear.py: gradients are added where they are kept, and no array is transposed."""

from typing import Any

from albert_np.engine.gpu.launch import contiguous
from albert_np.engine.gpu.products import add_product, column_sums, product


def linear(x: Any, p: Any) -> tuple[Any, Any]:
    """x (N, I), p.w (I, O) or its factors p.u (I, R) and p.v (R, O), p.b (O,) -> y (N, O)"""
    x = contiguous(x)
    y = times(x, p)
    y += p.b
    return y, x


def times(x: Any, p: Any) -> Any:
    """x (N, I) -> x w (N, O), without the bias"""
    return product(product(x, p.u), p.v) if hasattr(p, "u") else product(x, p.w)


def linear_backward(dy: Any, x: Any, p: Any, g: Any) -> Any:
    """dy (N, O) -> dx (N, I); adds into g.w, or into g.u and g.v, and into g.b"""
    dy = contiguous(dy)
    column_sums(dy, g.b)  # (O,)
    if hasattr(p, "u"):
        add_product(g.v, product(x, p.u), dy, transpose_a=True)  # (R, O)
        dxu = product(dy, p.v, transpose_b=True)  # (N, R)
        add_product(g.u, x, dxu, transpose_a=True)  # (I, R)
        return product(dxu, p.u, transpose_b=True)  # (N, I)
    add_product(g.w, x, dy, transpose_a=True)  # (I, O)
    return product(dy, p.w, transpose_b=True)  # (N, I)
