"""Factorised embeddings (paper section 3.1): with a small E, V × E + E × H parameters instead of V × H.

sum of the three tables -> layer norm over E -> dropout -> linear E -> H
"""

from collections import namedtuple

from albert_np.core import layers
from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.dispatch import Array, op
from albert_np.core.params import Namespace
from albert_np.core.random import Key

EmbeddingsCache = namedtuple("EmbeddingsCache", "c_tables c_norm c_dropout c_projection")


@op
def embeddings(batch: Batch, p: Namespace, config: Config, dropout_key: Key) -> tuple[Array, EmbeddingsCache]:
    """p: the tree's `embeddings` -> x (N, H)"""
    key = dropout_key and dropout_key.fold_in("embeddings")
    padding_idx = None if config.pad_row_gradient else config.pad_token_id
    e, c_tables = layers.embedding(batch.ids, batch.positions, batch.token_types, p, padding_idx)  # (N, E)
    e, c_norm = layers.layer_norm(e, p.norm, config.layer_norm_eps)  # (N, E)
    e, c_dropout = layers.dropout(e, config.hidden_dropout_prob, key)  # (N, E)
    x, c_projection = layers.linear(e, p.projection)  # (N, H)
    return x, EmbeddingsCache(c_tables, c_norm, c_dropout, c_projection)


@op
def embeddings_backward(dx: Array, cache: EmbeddingsCache, p: Namespace, g: Namespace) -> None:
    """dx (N, H); adds to every tensor of g"""
    de = layers.linear_backward(dx, cache.c_projection, p.projection, g.projection)  # (N, E)
    de = layers.dropout_backward(de, cache.c_dropout)  # (N, E)
    de = layers.layer_norm_backward(de, cache.c_norm, p.norm, g.norm)  # (N, E)
    layers.embedding_backward(de, cache.c_tables, g)
