"""The two heads of pretraining.

Masked language model: at the masked positions only, dense H -> E, activation, layer norm, and then the word table itself as
decoder: logits = t · wordᵀ + b. The table is used twice in the model, and its gradient is the sum over both uses.

Sentence order: pooler, then a linear map onto two classes (0 in order, 1 swapped).
"""

from collections import namedtuple

from albert_np.core import layers
from albert_np.core.config import Config
from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.params import Tree
from albert_np.core.sequences import Sequences

MlmCache = namedtuple("MlmCache", "c_gather c_dense c_act c_norm t")


@op
def mlm_head(h: Array, rows: Array, p: Tree, config: Config) -> tuple[Array, MlmCache]:
    """h (N, H), rows (M,) of it; p: the whole tree -> logits (M, V)"""
    x, c_gather = layers.gather(h, rows)  # (M, H)
    t, c_dense = layers.linear(x, p.mlm.dense)  # (M, E)
    t, c_act = layers.activation(t, config.hidden_act)  # (M, E)
    t, c_norm = layers.layer_norm(t, p.mlm.norm, config.layer_norm_eps)  # (M, E)
    return t @ p.embeddings.word.T + p.mlm.b, MlmCache(c_gather, c_dense, c_act, c_norm, t)  # (M, V)


@op
def mlm_head_backward(dlogits: Array, cache: MlmCache, p: Tree, g: Tree, config: Config) -> Array:
    """dlogits (M, V) -> dh (N, H); adds to g.mlm and, as the table is the decoder, to g.embeddings.word"""
    g.embeddings.word += dlogits.T @ cache.t  # (V, E)
    g.mlm.b += dlogits.sum(0)  # (V,)
    dt = dlogits @ p.embeddings.word  # (M, E)
    dt = layers.layer_norm_backward(dt, cache.c_norm, p.mlm.norm, g.mlm.norm)  # (M, E)
    dt = layers.activation_backward(dt, cache.c_act, config.hidden_act)  # (M, E)
    dx = layers.linear_backward(dt, cache.c_dense, p.mlm.dense, g.mlm.dense)  # (M, H)
    return layers.gather_backward(dx, cache.c_gather)  # (N, H)


@op
def order_head(h: Array, sequences: Sequences, p: Tree) -> tuple[Array, tuple[Cache, Cache]]:
    """h (N, H); p: the whole tree -> logits (B, 2). No dropout, as in Google's code."""
    pooled, c_pooler = layers.pooler(h, p.pooler, sequences)  # (B, H)
    logits, c_linear = layers.linear(pooled, p.sop)  # (B, 2)
    return logits, (c_pooler, c_linear)


@op
def order_head_backward(dlogits: Array, cache: tuple[Cache, Cache], p: Tree, g: Tree) -> Array:
    """dlogits (B, 2) -> dh (N, H); adds to g.pooler and g.sop"""
    c_pooler, c_linear = cache
    dpooled = layers.linear_backward(dlogits, c_linear, p.sop, g.sop)  # (B, H)
    return layers.pooler_backward(dpooled, c_pooler, p.pooler, g.pooler)  # (N, H)
