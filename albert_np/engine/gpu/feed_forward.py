"""Kernel of core/layers/feed_forward.py. Of the two wide arrays only z is stored, without its bias, which the activation's kernel
adds; a = act(z + b) is computed again in the backward pass."""

from albert_np.core.dispatch import Array, Cache
from albert_np.core.layers import linear, linear_backward
from albert_np.core.params import Namespace
from albert_np.engine.gpu.activations import activation, slope_times
from albert_np.engine.gpu.launch import contiguous
from albert_np.engine.gpu.linear import linear_backward as plain_linear_backward
from albert_np.engine.gpu.products import product
from albert_np.engine.kernels import retagged


def feed_forward(x: Array, p: Namespace, act: str) -> tuple[Array, Cache]:
    """x (N, H); p.intermediate (H, F), p.output (F, H) -> y (N, H)"""
    x = contiguous(x)
    if is_plain(p.intermediate):
        z, c_in, bias = product(x, p.intermediate.w), x, p.intermediate.b  # (N, F)
    else:
        (z, c_in), bias = linear(x, p.intermediate), None
    a, _ = activation(z, act, bias)  # (N, F)
    y, c_out = linear(a, p.output)  # (N, H)
    return y, (z, c_in, bias, retagged(c_out, None))  # the cache of a linear map is its input, here a, which is not stored


def feed_forward_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace, act: str) -> Array:
    """dy (N, H) -> dx (N, H); adds to g.intermediate and g.output"""
    z, c_in, bias, c_out = cache
    a, _ = activation(z, act, bias)  # (N, F)
    da = linear_backward(dy, retagged(c_out, a), p.output, g.output)  # (N, F)
    dz = slope_times(da, z, bias, act, da)  # (N, F), in place of da
    backward = plain_linear_backward if is_plain(p.intermediate) else linear_backward
    return backward(dz, c_in, p.intermediate, g.intermediate)  # (N, H)


def is_plain(p: Namespace) -> bool:
    """Return whether p has a plain weight w and bias b, in no compressed form."""
    return type(p) is Namespace
