"""The two heads of pretraining.

Masked language model: at the masked positions only, dense H -> E, activation, layer norm, and then the word table itself as
decoder: logits = t · wordᵀ + b. The table is used twice in the model, and its gradient is the sum of both uses.

Sentence order: pooler, then a linear map onto two classes (0 in order, 1 swapped).
"""

from typing import Any

from albert_np.core.config import Config
from albert_np.core.layers import (
    activation,
    activation_backward,
    gather,
    gather_backward,
    layer_norm,
    layer_norm_backward,
    linear,
    linear_backward,
    pooler,
    pooler_backward,
)
from albert_np.core.sequences import Sequences


def mlm_head(h: Any, rows: Any, p: Any, word: Any, config: Config) -> tuple[Any, Any]:
    """h (N, H), rows (M,) of it; p: the tree's `mlm`, word (V, E) -> logits (M, V)"""
    x, c_gather = gather(h, rows)  # (M, H)
    t, c_dense = linear(x, p.dense)  # (M, E)
    t, c_act = activation(t, config.hidden_act)
    t, c_norm = layer_norm(t, p.norm, config.layer_norm_eps)
    return t @ word.T + p.b, (c_gather, c_dense, c_act, c_norm, t)  # (M, V)


def mlm_head_backward(dlogits: Any, cache: Any, p: Any, g: Any, word: Any, g_word: Any, config: Config) -> Any:
    """dlogits (M, V) -> dh (N, H); adds into g and into the word table's gradient"""
    c_gather, c_dense, c_act, c_norm, t = cache
    g_word += dlogits.T @ t  # (V, E)
    g.b += dlogits.sum(0)  # (V,)
    dt = dlogits @ word  # (M, E)
    dt = layer_norm_backward(dt, c_norm, p.norm, g.norm)
    dt = activation_backward(dt, c_act, config.hidden_act)
    return gather_backward(linear_backward(dt, c_dense, p.dense, g.dense), c_gather)


def order_head(h: Any, sequences: Sequences, p: Any) -> tuple[Any, Any]:
    """h (N, H); p: the whole tree -> logits (B, 2). No dropout, as in Google's code."""
    pooled, c_pooler = pooler(h, p.pooler, sequences)  # (B, H)
    logits, c_linear = linear(pooled, p.sop)  # (B, 2)
    return logits, (c_pooler, c_linear)


def order_head_backward(dlogits: Any, cache: Any, p: Any, g: Any) -> Any:
    """dlogits (B, 2) -> dh (N, H)"""
    c_pooler, c_linear = cache
    return pooler_backward(linear_backward(dlogits, c_linear, p.sop, g.sop), c_pooler, p.pooler, g.pooler)
