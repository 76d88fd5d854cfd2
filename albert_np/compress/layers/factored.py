"""The affine map whose large w is kept as two thin factors, w = u v with u (I, R) and v (R, O): R (I + O) numbers instead of I O.

    y = (x u) v + b

These are two linear maps, one after the other, and the gradient goes back through both:

    dv = (x u)ᵀ dy      d(xu) = dy vᵀ      du = xᵀ d(xu)      dx = d(xu) uᵀ

x u is computed again for the gradient, which is cheap: so the cache is the input, as that of the ordinary map is.
"""

import numpy as np

from albert_np.core import dispatch
from albert_np.core.dispatch import Array, Version
from albert_np.core.params import Namespace
from albert_np.engine.cpu.linear import column_sums as column_sums_by_product
from albert_np.engine.gpu.launch import contiguous
from albert_np.engine.gpu.products import add_product, column_sums, product
from albert_np.engine.kernels import kernels_run


class Factored(Namespace):
    """u (I, R), v (R, O) and b (O,)."""


class FactoredForm(dict[str, tuple[int, ...]]):
    """The shapes of a `Factored` map from I to O of rank R."""

    namespace = Factored

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__(u=(inputs, rank), v=(rank, outputs), b=(outputs,))


def linear(x: Array, p: Factored) -> tuple[Array, Array]:
    """x (N, I) -> y (N, O)"""
    y = product(product(contiguous(x), p.u), p.v) if runs_on_gpu(x) else (x @ p.u) @ p.v
    y += p.b
    return y, x


def linear_backward(dy: Array, x: Array, p: Factored, g: Factored) -> Array:
    """dy (N, O) -> dx (N, I); adds to g.u, g.v and g.b"""
    if runs_on_gpu(x):
        return linear_backward_on_gpu(contiguous(dy), contiguous(x), p, g)
    g.b += column_sums_by_product(dy) if kernels_run(x) else dy.sum(0)  # (O,)
    g.v += (x @ p.u).T @ dy  # (R, O)
    dxu = dy @ p.v.T  # (N, R)
    g.u += x.T @ dxu  # (I, R)
    return dxu @ p.u.T  # (N, I)


def linear_backward_on_gpu(dy: Array, x: Array, p: Factored, g: Factored) -> Array:
    """The same by cuBLAS, which adds to g in place and needs no transposed copies."""
    column_sums(dy, g.b)  # (O,)
    add_product(g.v, product(x, p.u), dy, transpose_a=True)  # (R, O)
    dxu = product(dy, p.v, transpose_b=True)  # (N, R)
    add_product(g.u, x, dxu, transpose_a=True)  # (I, R)
    return product(dxu, p.u, transpose_b=True)  # (N, I)


def runs_on_gpu(x: Array) -> bool:
    """Whether the GPU kernels run for this array."""
    return type(x) is not np.ndarray and kernels_run(x)


dispatch.implementations["linear", Factored] = Version({"linear": linear, "linear_backward": linear_backward})
