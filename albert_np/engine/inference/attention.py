"""Attention for inference: all queries of a tile, or only those of the rows that the heads read.

A softmax is the same with any shift. Where exp neither overflows nor vanishes without one, no row's largest score is looked for
and subtracted; otherwise (`SAFE`) the usual way is taken. The division by the sum is that of the context, which is narrower than
the scores. Keys have no bias: it would add the same number to all scores of a query.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.sequences import Sequences
from albert_np.engine.cpu.tiles import Tile, get_tiles
from albert_np.engine.sequences import memoized

SAFE = 1e-12, 1e25  # least and greatest sums of exp(score) that are accurate in float32
NEGLIGIBLE = 1e-31  # beside the least sum; smaller terms become 0, since products with subnormal numbers are slow
SCORES_BYTES = 1 << 18  # of the scores that are computed at once, so that they stay in a core's cache


@dataclass(frozen=True)
class Queries:
    """The rows that are queries of a tile's sequences.

    tile   the keys
    rows   of the queries among all queries: a slice for a single sequence, else (G, R); padding repeats a query
    slots  those of `rows` that are queries, as an index of the flattened (G R,); None: all are
    bias   (G, 1, R or 1, T), added to the scores; None: 0
    """

    tile: Tile
    rows: Any
    slots: np.ndarray | None
    bias: np.ndarray | None
    G: int
    R: int


def all_queries(sequences: Sequences, A: int, dtype: np.dtype) -> list[Queries]:
    """Return the queries of every row. Memoized."""

    def make() -> list[Queries]:
        return [
            Queries(t, t.rows, None if t.is_token is None else np.flatnonzero(t.is_token), t.bias, t.G, t.T)
            for t in get_tiles(sequences, A, dtype)
        ]

    return memoized(sequences, ("all queries", A, dtype), make)


def select_queries(sequences: Sequences, rows: np.ndarray, A: int, dtype: np.dtype) -> list[Queries]:
    """Return those of these sorted rows (R,) alone; row i becomes query i. Sequences without one are left out."""
    return [q for tile in get_tiles(sequences, A, dtype) if (q := make_queries(sequences, rows, tile)) is not None]


def make_queries(sequences: Sequences, rows: np.ndarray, tile: Tile) -> Queries | None:
    """Return the queries of a tile among the sorted rows; None if there are none."""
    starts, lengths = sequences.starts[tile.members], sequences.lengths[tile.members]
    first, last = np.searchsorted(rows, starts), np.searchsorted(rows, starts + lengths)  # (G,)
    R = int((last - first).max())
    if R == 0:
        return None
    if tile.G == 1:
        bias = None if tile.bias is None else tile.bias[:, :, rows[first[0] : last[0]] - starts[0]]
        return Queries(tile, slice(int(first[0]), int(last[0])), None, bias, 1, R)
    index = first[:, None] + np.arange(R)  # (G, R)
    is_query = index < last[:, None]
    index = np.where(is_query, index, 0)
    bias = None
    if tile.bias is not None:
        tokens = np.where(is_query, rows[index] - starts[:, None], 0)  # (G, R)
        bias = np.take_along_axis(tile.bias, tokens[:, None, :, None], axis=2)  # (G, 1, R, T)
    return Queries(tile, index, None if is_query.all() else np.flatnonzero(is_query), bias, tile.G, R)


def attend(q: Array, k: Array, v: Array, A: int, queries: list[Queries], out: Array) -> None:
    """q (R, W) with the scale in it, k, v (N, W) -> context (R, W) into out; rows without a sequence are left alone."""
    D = q.shape[1] // A
    for each in queries:
        tile = each.tile
        qh = q[each.rows].reshape(each.G, each.R, A, D).swapaxes(1, 2)  # (G, A, R, D)
        kh, vh = (z[tile.rows].reshape(tile.G, tile.T, A, D).swapaxes(1, 2) for z in (k, v))  # (G, A, T, D)
        if each.G == 1:
            context = out[each.rows].reshape(1, each.R, A, D)
            attend_heads(qh, kh, vh, each.bias, context.swapaxes(1, 2))
            continue
        context = np.empty_like(out, shape=(each.G, each.R, A, D))
        attend_heads(qh, kh, vh, each.bias, context.swapaxes(1, 2))
        flat = context.reshape(-1, A * D)
        if each.slots is None:
            out[each.rows.reshape(-1)] = flat
        else:
            out[each.rows.reshape(-1)[each.slots]] = flat[each.slots]


def attend_heads(q: Array, k: Array, v: Array, bias: np.ndarray | None, out: Array) -> None:
    """q (G, A, R, D), k, v (G, A, T, D) -> context into out (G, A, R, D), a few heads or queries at a time"""
    (G, A, R, _), T = q.shape, k.shape[2]
    heads = max(1, SCORES_BYTES // (G * R * T * q.itemsize))
    size = R if heads > 1 or G > 1 else max(64, SCORES_BYTES // (T * q.itemsize))
    for head in range(0, A, heads):
        part = slice(head, head + heads)
        for first in range(0, R, size):
            some = slice(first, first + size)
            b = bias if bias is None or bias.shape[2] == 1 else bias[:, :, some]
            weighted_mean(q[:, part, some], k[:, part], v[:, part], b, out[:, part, some])


def weighted_mean(q: Array, k: Array, v: Array, bias: np.ndarray | None, out: Array) -> None:
    """softmax(q kᵀ + bias) v into out"""
    scores = q @ k.swapaxes(-1, -2)  # (G, A, R, T)
    if bias is not None:
        scores += bias
    with np.errstate(over="ignore"):  # of exp or of the sum: done again below
        np.exp(scores, out=scores)
        sums = scores @ np.ones_like(scores, shape=scores.shape[-1])  # (G, A, R)
    if not (sums.min() > SAFE[0] and sums.max() < SAFE[1]):
        np.matmul(q, k.swapaxes(-1, -2), out=scores)
        if bias is not None:
            scores += bias
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        sums = scores.sum(-1)
    scores *= scores > NEGLIGIBLE
    np.matmul(scores, v, out=out)
    out /= sums[..., None]


def scale(D: int) -> float:
    return 1 / math.sqrt(D)
