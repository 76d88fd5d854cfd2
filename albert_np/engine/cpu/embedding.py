"""Kernel of core/layers/embedding.py: tokens are sorted by their row of the table, and each row is added to once."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace


def embedding(
    ids: Array, positions: Array, token_types: Array, p: Namespace, padding_idx: int | None = None
) -> tuple[Array, Array]:
    """ids, positions, token_types (N,) integers; p.word (V, E), p.position (P, E), p.token_type (S, E) -> y (N, E)"""
    y = np.take(p.word, ids, axis=0)
    y += np.take(p.position, positions, axis=0)
    y += np.take(p.token_type, token_types, axis=0)
    return y, (ids, positions, token_types, padding_idx)


def embedding_backward(dy: Array, cache: Cache, g: Namespace) -> None:
    """dy (N, E); adds to g.word, g.position and g.token_type"""
    ids, positions, token_types, padding_idx = cache
    if padding_idx is None:
        add_rows(g.word, ids, dy)
    else:
        not_padding = np.flatnonzero(ids != padding_idx)
        add_rows(g.word, ids[not_padding], dy[not_padding])
    add_rows(g.position, positions, dy)
    add_rows(g.token_type, token_types, dy)


def add_rows(table: Array, rows: Array, values: Array) -> None:
    """table[rows[i]] += values[i]; rows that repeat add up, in their order."""
    if not len(rows):
        return
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    starts = np.flatnonzero(np.diff(sorted_rows, prepend=sorted_rows[0] - 1))  # of each run of equal rows
    table[sorted_rows[starts]] += np.add.reduceat(values[order], starts, axis=0)
