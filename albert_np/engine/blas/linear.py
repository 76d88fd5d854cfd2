"""Kernel of core/layers/linear.py with SciPy's products."""

from albert_np.core.dispatch import Array
from albert_np.core.params import Namespace
from albert_np.engine.blas.products import product


def linear(x: Array, p: Namespace) -> tuple[Array, Array]:
    """x (N, I), p.w (I, O), p.b (O,) -> y (N, O)"""
    y = product(x, p.w)
    y += p.b
    return y, x


def linear_backward(dy: Array, x: Array, p: Namespace, g: Namespace) -> Array:
    """dy (N, O) -> dx (N, I); adds to g.w and g.b"""
    g.b += dy.sum(0)  # (O,)
    g.w += product(x.T, dy)  # (I, O)
    return product(dy, p.w.T)  # (N, I)
