"""Kernel of core/layers/pooler.py: the kernels of its parts, with the bias added by the tanh's."""

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.core.sequences import Sequences
from albert_np.engine.gpu.activations import activation, activation_backward
from albert_np.engine.gpu.gather import gather, gather_backward
from albert_np.engine.gpu.linear import linear_backward
from albert_np.engine.gpu.products import product


def pooler(x: Array, p: Namespace, sequences: Sequences) -> tuple[Array, Cache]:
    """x (N, H), p.w (H, H), p.b (H,) -> y (B, H)"""
    first, c_gather = gather(x, sequences.first_rows)  # (B, H)
    y, c_tanh = activation(product(first, p.w), "tanh", p.b)
    return y, (c_gather, first, c_tanh)


def pooler_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> Array:
    """dy (B, H) -> dx (N, H), zero except in the first rows; adds to g.w and g.b"""
    c_gather, first, c_tanh = cache
    return gather_backward(linear_backward(activation_backward(dy, c_tanh, "tanh"), first, p, g), c_gather)
