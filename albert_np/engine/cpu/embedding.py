"""Twin of core/layers/embedding.py: tokens are sorted by their row, and each row that occurs is added to once."""

from typing import Any

import numpy as np


def embedding(ids: Any, positions: Any, token_types: Any, p: Any, untaught: int | None = None) -> tuple[Any, Any]:
    """ids, positions, token_types (N,) integers; p.word (V, E), p.position (P, E), p.token_type (S, E) -> y (N, E)"""
    y = np.take(p.word, ids, axis=0)
    y += np.take(p.position, positions, axis=0)
    y += np.take(p.token_type, token_types, axis=0)
    return y, (ids, positions, token_types, untaught)


def embedding_backward(dy: Any, cache: Any, g: Any) -> None:
    """dy (N, E); adds into g.word, g.position and g.token_type"""
    ids, positions, token_types, untaught = cache
    if untaught is None:
        add_rows(g.word, ids, dy)
    else:
        taught = np.flatnonzero(ids != untaught)
        add_rows(g.word, ids[taught], dy[taught])
    add_rows(g.position, positions, dy)
    add_rows(g.token_type, token_types, dy)


def add_rows(table: Any, rows: Any, values: Any) -> None:
    """table[rows[i]] += values[i]; rows that repeat add up, in the order in which they stand."""
    if not len(rows):
        return
    order = np.argsort(rows, kind="stable")
    in_order = rows[order]
    starts = np.flatnonzero(np.diff(in_order, prepend=in_order[0] - 1))  # where another row begins
    table[in_order[starts]] += np.add.reduceat(values[order], starts, axis=0)
