"""Kernel of core/layers/feed_forward.py. Of the two wide arrays only z is stored; a = act(z) is computed again with its slope."""

from collections import namedtuple

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.layers import linear, linear_backward
from albert_np.core.params import Namespace
from albert_np.engine.cpu.activations import ACTIVATIONS, activation
from albert_np.engine.cpu.blocks import blocks
from albert_np.engine.kernels import retagged

FeedForwardCache = namedtuple("FeedForwardCache", "z c_in c_out")


def feed_forward(x: Array, p: Namespace, act: str) -> tuple[Array, Cache]:
    """x (N, H); p.intermediate (H, F), p.output (F, H) -> y (N, H)"""
    z, c_in = linear(x, p.intermediate)  # (N, F)
    a, _ = activation(z, act)  # (N, F)
    y, c_out = linear(a, p.output)  # (N, H)
    # the cache of a linear map is its input, here a, which is not stored
    return y, FeedForwardCache(z, c_in, retagged(c_out, None))


def feed_forward_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace, act: str) -> Array:
    """dy (N, H) -> dx (N, H); adds to g.intermediate and g.output"""
    z, c_in, c_out = cache
    slope, a, dz = ACTIVATIONS[act][1], np.empty_like(z), np.empty_like(z)  # (N, F)
    for rows in blocks(z):
        slope(z[rows], dz[rows], value=a[rows])
    dz *= linear_backward(dy, retagged(c_out, a), p.output, g.output)  # slope times da
    return linear_backward(dz, c_in, p.intermediate, g.intermediate)  # (N, H)


def compact(cache: FeedForwardCache) -> FeedForwardCache:
    """Return the cache without its arrays."""
    return cache._replace(z=None, c_in=None)


def restore(cache: FeedForwardCache, x: Array, p: Namespace) -> FeedForwardCache:
    """x (N, H) -> the cache that `compact` was given: one product; activation and output are not needed"""
    z, c_in = linear(x, p.intermediate)  # (N, F)
    return cache._replace(z=z, c_in=c_in)
