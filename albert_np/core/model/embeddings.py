"""Factorised embeddings (paper section 3.1): a table V × E with small E, then a projection E -> H.

    sum of the three tables -> layer norm over E -> dropout -> linear E -> H

V × E + E × H numbers take the place of V × H.
"""

from typing import Any

from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.layers import (
    dropout,
    dropout_backward,
    embedding,
    embedding_backward,
    layer_norm,
    layer_norm_backward,
    linear,
    linear_backward,
)
from albert_np.core.random import Dropout


def embeddings(batch: Batch, p: Any, config: Config, rng: Dropout | None) -> tuple[Any, Any]:
    """p: the tree's `embeddings` -> x (N, H)"""
    untaught = config.padding_idx
    e, c_tables = embedding(batch.ids, batch.positions, batch.token_types, p, untaught)  # (N, E)
    e, c_norm = layer_norm(e, p.norm, config.layer_norm_eps)
    e, c_drop = dropout(e, config.hidden_dropout_prob, rng and rng.at("embeddings"))
    x, c_projection = linear(e, p.projection)  # (N, H)
    return x, (c_tables, c_norm, c_drop, c_projection)


def embeddings_backward(dx: Any, cache: Any, p: Any, g: Any) -> None:
    """dx (N, H); adds into every tensor of g"""
    c_tables, c_norm, c_drop, c_projection = cache
    de = linear_backward(dx, c_projection, p.projection, g.projection)  # (N, E)
    de = dropout_backward(de, c_drop)
    de = layer_norm_backward(de, c_norm, p.norm, g.norm)
    embedding_backward(de, c_tables, g)
