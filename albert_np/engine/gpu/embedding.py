"""Twin of core/layers/embedding.py: three lookups at once; and sums over equal ids that come out the same every time."""

from typing import Any

import numpy as np

from albert_np.engine.gpu.launch import arithmetic, contiguous, launch

RUN = 64  # tokens of a block, as in embedding.cu
SORTED = 256  # of them that a block of order_of finds the place of


def threads_of(E: int) -> int:
    return min(256, -(-E // 32) * 32)


def embedding(ids: Any, positions: Any, token_types: Any, p: Any, untaught: int | None = None) -> tuple[Any, Any]:
    """ids, positions, token_types (N,) integers; p.word (V, E), p.position (P, E), p.token_type (S, E) -> y (N, E)"""
    places = tuple(rows.astype(np.int64) for rows in (ids, positions, token_types))
    N, E = len(ids), p.word.shape[1]
    y = np.empty_like(p.word, shape=(N, E))
    launch("embedding", "embedding", y, N, threads_of(E), *places, p.word, p.position, p.token_type, y, W=E)
    return y, (*places, untaught)


def embedding_backward(dy: Any, cache: Any, g: Any) -> None:
    """dy (N, E); adds into g.word, g.position and g.token_type"""
    *places, untaught = cache  # (N,) each
    for table, rows, none in zip((g.word, g.position, g.token_type), places, (untaught, None, None)):
        add_rows(table, rows, dy, -1 if none is None else none)


def add_rows(table: Any, rows: Any, values: Any, untaught: int = -1) -> None:
    """table[rows[i]] += values[i]; rows that repeat add up, in the order in which they stand. `untaught` takes nothing."""
    values, (N, W) = contiguous(values), values.shape
    blocks, order = -(-N // RUN), np.empty_like(rows)
    aside = np.empty_like(values, shape=(blocks, W), dtype=arithmetic(values.dtype))
    sizes = np.int64(N), np.int64(untaught)
    launch("embedding", "order_of", values, -(-N // SORTED), SORTED, rows, np.int64(N), order, W=W)
    launch("embedding", "add_rows", values, blocks, threads_of(W), order, rows, values, *sizes, table, aside, into=table, W=W)
    launch("embedding", "add_aside", values, blocks, threads_of(W), order, rows, *sizes, table, aside, into=table, W=W)
