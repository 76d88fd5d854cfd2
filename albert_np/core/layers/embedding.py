"""Three tables, one sum: which token it is, where it stands, and which segment it is in (Devlin et al. 2018).

    y_n = word[id_n] + position[position_n] + token_type[type_n]

Several tokens may use the same row of a table; its gradient is the sum over them. The row `padding_idx` of the word table gets
none (as in torch; Google's code trains it).
"""

from collections import namedtuple

import numpy as np

from albert_np.core.backend import scatter_add
from albert_np.core.dispatch import Array, op
from albert_np.core.params import Namespace

EmbeddingCache = namedtuple("EmbeddingCache", "ids positions token_types padding_idx")


@op
def embedding(
    ids: Array, positions: Array, token_types: Array, p: Namespace, padding_idx: int | None = None
) -> tuple[Array, EmbeddingCache]:
    """ids, positions, token_types (N,) integers; p.word (V, E), p.position (P, E), p.token_type (S, E) -> y (N, E)"""
    y = np.take(p.word, ids, axis=0) + np.take(p.position, positions, axis=0) + np.take(p.token_type, token_types, axis=0)
    return y, EmbeddingCache(ids, positions, token_types, padding_idx)


@op
def embedding_backward(dy: Array, cache: EmbeddingCache, g: Namespace) -> None:
    """dy (N, E); adds to g.word, g.position and g.token_type. Ids are integers, so there is no gradient to return."""
    dword = dy  # (N, E)
    if cache.padding_idx is not None:
        dword = np.where((cache.ids == cache.padding_idx)[:, None], 0.0, dy)
    scatter_add(g.word, cache.ids, dword)
    scatter_add(g.position, cache.positions, dy)
    scatter_add(g.token_type, cache.token_types, dy)
