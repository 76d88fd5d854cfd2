"""The pooler: a vector for a whole sequence, from its first token [CLS]: y = tanh(x[first row] w + b) (Devlin et al. 2018)."""

from collections import namedtuple

from albert_np.core.dispatch import Array, op
from albert_np.core.layers.activations import tanh, tanh_backward
from albert_np.core.layers.gather import gather, gather_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.params import Namespace
from albert_np.core.sequences import Sequences

PoolerCache = namedtuple("PoolerCache", "c_gather c_linear c_tanh")


@op
def pooler(x: Array, p: Namespace, sequences: Sequences) -> tuple[Array, PoolerCache]:
    """x (N, H), p.w (H, H), p.b (H,) -> y (B, H)"""
    first, c_gather = gather(x, sequences.first_rows)  # (B, H)
    z, c_linear = linear(first, p)  # (B, H)
    y, c_tanh = tanh(z)  # (B, H)
    return y, PoolerCache(c_gather, c_linear, c_tanh)


@op
def pooler_backward(dy: Array, cache: PoolerCache, p: Namespace, g: Namespace) -> Array:
    """dy (B, H) -> dx (N, H), zero except in the first rows; adds to g.w and g.b"""
    dz = tanh_backward(dy, cache.c_tanh)  # (B, H)
    dfirst = linear_backward(dz, cache.c_linear, p, g)  # (B, H)
    return gather_backward(dfirst, cache.c_gather)  # (N, H)
