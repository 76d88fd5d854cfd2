"""The feed-forward network y = act(x w₁ + b₁) w₂ + b₂: every token by itself, through a wider layer (Vaswani et al. 2017)."""

from collections import namedtuple

from albert_np.core.dispatch import Array, op
from albert_np.core.layers.activations import activation, activation_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.params import Namespace

FeedForwardCache = namedtuple("FeedForwardCache", "c_in c_act c_out")


@op
def feed_forward(x: Array, p: Namespace, act: str) -> tuple[Array, FeedForwardCache]:
    """x (N, H); p.intermediate (H, F), p.output (F, H) -> y (N, H)"""
    z, c_in = linear(x, p.intermediate)  # (N, F)
    a, c_act = activation(z, act)  # (N, F)
    y, c_out = linear(a, p.output)  # (N, H)
    return y, FeedForwardCache(c_in, c_act, c_out)


@op
def feed_forward_backward(dy: Array, cache: FeedForwardCache, p: Namespace, g: Namespace, act: str) -> Array:
    """dy (N, H) -> dx (N, H); adds to g.intermediate and g.output"""
    da = linear_backward(dy, cache.c_out, p.output, g.output)  # (N, F)
    dz = activation_backward(da, cache.c_act, act)  # (N, F)
    return linear_backward(dz, cache.c_in, p.intermediate, g.intermediate)  # (N, H)
