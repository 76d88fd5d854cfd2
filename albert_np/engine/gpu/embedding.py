"""Kernel of core/layers/embedding.py: three lookups at once, and reproducible sums over equal ids."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.engine.gpu.launch import arithmetic, contiguous, launch

RUN = 64  # tokens of a block, as in embedding.cu
SORTED = 256  # tokens whose rank a block of `sort_rows` computes


def threads_per_block(E: int) -> int:
    return min(256, -(-E // 32) * 32)


def embedding(
    ids: Array, positions: Array, token_types: Array, p: Namespace, padding_idx: int | None = None
) -> tuple[Array, Cache]:
    """ids, positions, token_types (N,) integers; p.word (V, E), p.position (P, E), p.token_type (S, E) -> y (N, E)"""
    indices = tuple(rows.astype(np.int64) for rows in (ids, positions, token_types))
    N, E = len(ids), p.word.shape[1]
    y = np.empty_like(p.word, shape=(N, E))
    launch("embedding", "embedding", y, N, threads_per_block(E), *indices, p.word, p.position, p.token_type, y, W=E)
    return y, (*indices, padding_idx)


def embedding_backward(dy: Array, cache: Cache, g: Namespace) -> None:
    """dy (N, E); adds to g.word, g.position and g.token_type"""
    *indices, padding_idx = cache  # (N,) each
    for table, rows, ignored in zip((g.word, g.position, g.token_type), indices, (padding_idx, None, None)):
        add_rows(table, rows, dy, -1 if ignored is None else ignored)


def add_rows(table: Array, rows: Array, values: Array, padding_idx: int = -1) -> None:
    """table[rows[i]] += values[i]; rows that repeat add up, in their order. Row `padding_idx` is not changed."""
    values, (N, W) = contiguous(values), values.shape
    blocks, order = -(-N // RUN), np.empty_like(rows)
    partial_sums = np.empty_like(values, shape=(blocks, W), dtype=arithmetic(values.dtype))
    sizes = np.int64(N), np.int64(padding_idx)
    launch("embedding", "sort_rows", values, -(-N // SORTED), SORTED, rows, np.int64(N), order, W=W)
    launch(
        "embedding",
        "add_rows",
        values,
        blocks,
        threads_per_block(W),
        order,
        rows,
        values,
        *sizes,
        table,
        partial_sums,
        into=table,
        W=W,
    )
    launch(
        "embedding",
        "add_partial_sums",
        values,
        blocks,
        threads_per_block(W),
        order,
        rows,
        *sizes,
        table,
        partial_sums,
        into=table,
        W=W,
    )
