"""Kernel of core/layers/add_norm.py: the kernels of its parts; the sum overwrites the output of dropout.

For `recompute` (encoder.py) the cache can be made compact; `output_again` then computes y from the normalised rows, so that what
computed the input of the norm need not run again.
"""

from collections import namedtuple

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.core.random import RandomKey
from albert_np.engine.cpu.dropout import dropout, dropout_backward, pack, unpack
from albert_np.engine.cpu.layer_norm import layer_norm, layer_norm_backward, scale_and_shift

AddNormCache = namedtuple("AddNormCache", "c_dropout c_norm")


def add_norm(
    x: Array, f: Array, p: Namespace, eps: float = 1e-12, rate: float = 0.0, dropout_key: RandomKey | None = None
) -> tuple[Array, Cache]:
    """x, f (N, W); p.gamma, p.beta (W,) -> y (N, W)"""
    dropped, c_dropout = dropout(f, rate, dropout_key)
    y, c_norm = layer_norm(np.add(x, dropped, out=None if c_dropout is None else dropped), p, eps)
    return y, AddNormCache(c_dropout, c_norm)


def add_norm_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> tuple[Array, Array]:
    """dy (N, W) -> dx, df (N, W); adds to g.gamma and g.beta"""
    c_dropout, c_norm = cache
    dx = layer_norm_backward(dy, c_norm, p, g)
    return dx, dropout_backward(dx, c_dropout)


def compact(cache: AddNormCache) -> AddNormCache:
    """Return the cache with its dropout mask packed."""
    return cache._replace(c_dropout=pack(cache.c_dropout))


def restore(cache: AddNormCache) -> AddNormCache:
    """Return the cache that `compact` was given."""
    return cache._replace(c_dropout=unpack(cache.c_dropout))


def output_again(cache: AddNormCache, p: Namespace) -> Array:
    """-> y (N, W), the bits of the forward pass"""
    xhat, _ = cache.c_norm
    return scale_and_shift(xhat, p)
