"""Kernel of `mlm_head` in core/model/heads.py: SciPy computes the products with the word table, the largest of a small model."""

from albert_np.core import layers
from albert_np.core.config import Config
from albert_np.core.dispatch import Array
from albert_np.core.model.heads import MlmCache
from albert_np.core.params import Tree
from albert_np.engine.blas.products import product


def mlm_head(h: Array, rows: Array, p: Tree, config: Config) -> tuple[Array, MlmCache]:
    """h (N, H), rows (M,) of it; p: the whole tree -> logits (M, V)"""
    x, c_gather = layers.gather(h, rows)  # (M, H)
    t, c_dense = layers.linear(x, p.mlm.dense)  # (M, E)
    t, c_act = layers.activation(t, config.hidden_act)  # (M, E)
    t, c_norm = layers.layer_norm(t, p.mlm.norm, config.layer_norm_eps)  # (M, E)
    logits = product(t, p.embeddings.word.T)  # (M, V)
    logits += p.mlm.b
    return logits, MlmCache(c_gather, c_dense, c_act, c_norm, t)


def mlm_head_backward(dlogits: Array, cache: MlmCache, p: Tree, g: Tree, config: Config) -> Array:
    """dlogits (M, V) -> dh (N, H); adds to g.mlm and, as the table is the decoder, to g.embeddings.word"""
    g.embeddings.word += product(dlogits.T, cache.t)  # (V, E)
    g.mlm.b += dlogits.sum(0)  # (V,)
    dt = product(dlogits, p.embeddings.word)  # (M, E)
    dt = layers.layer_norm_backward(dt, cache.c_norm, p.mlm.norm, g.mlm.norm)  # (M, E)
    dt = layers.activation_backward(dt, cache.c_act, config.hidden_act)  # (M, E)
    dx = layers.linear_backward(dt, cache.c_dense, p.mlm.dense, g.mlm.dense)  # (M, H)
    return layers.gather_backward(dx, cache.c_gather)  # (N, H)
