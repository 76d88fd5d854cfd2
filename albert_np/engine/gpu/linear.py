"""Kernel of core/layers/linear.py: cuBLAS adds to the gradients in place, and no array is transposed."""

from albert_np.core.dispatch import Array
from albert_np.core.params import Namespace
from albert_np.engine.gpu.launch import contiguous
from albert_np.engine.gpu.products import add_product, column_sums, product


def linear(x: Array, p: Namespace) -> tuple[Array, Array]:
    """x (N, I), p.w (I, O), p.b (O,) -> y (N, O)"""
    x = contiguous(x)
    y = product(x, p.w)
    y += p.b
    return y, x


def linear_backward(dy: Array, x: Array, p: Namespace, g: Namespace) -> Array:
    """dy (N, O) -> dx (N, I); adds to g.w and g.b"""
    dy = contiguous(dy)
    column_sums(dy, g.b)  # (O,)
    add_product(g.w, x, dy, transpose_a=True)  # (I, O)
    return product(dy, p.w, transpose_b=True)  # (N, I)
