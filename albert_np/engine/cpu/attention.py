"""Twin of core/layers/attention.py: sequences of nearly equal length together, in place, a few heads at a time.

The scale 1 / √D is multiplied into the queries once. The weights (T, T) are not kept: computing them again from queries and keys
takes a hundredth of a step, and for long sequences they would be larger than all else that a layer keeps.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from albert_np.core.random import RANGE, Dropout, threshold
from albert_np.engine.cpu.linear import linear, linear_backward
from albert_np.engine.cpu.philox import keep_mask
from albert_np.engine.cpu.softmax import softmax_backward_in_place, softmax_in_place
from albert_np.engine.cpu.tiles import TILE_BYTES, Tile, cut, cut_gradient, paste, tiles_of


def attention(x: Any, p: Any, sequences: Any, A: int, rate: float = 0.0, rng: Dropout | None = None) -> tuple[Any, Any]:
    """x (N, H); p.query, p.key, p.value, p.output linear (H, H) -> y (N, H). rate: dropout of the attention weights."""
    (q, _), (k, _), (v, _) = linear(x, p.query), linear(x, p.key), linear(x, p.value)  # (N, H) each
    q *= 1 / math.sqrt(q.shape[1] // A)
    tiles = sequences.remember(("tiles", A, x.dtype), lambda: tiles_of(sequences, A, x.dtype))
    context, kept = np.empty_like(q), []
    for tile in tiles:
        drop = dropped(tile, sequences, A, x.dtype, rate, rng)
        parts = [cut(z, tile, A) for z in (q, k, v)]  # (G, A, T, D) each
        c = np.empty_like(parts[0])
        for heads in some_heads(tile, A, x.itemsize):
            qh, kh, vh = (part[:, heads] for part in parts)
            a = weights(qh, kh, tile)  # (G, a, T, T)
            np.matmul(a if drop is None else a * drop[:, heads], vh, out=c[:, heads])
        paste(c, context, tile)
        kept.append((tile, drop))
    y, _ = linear(context, p.output)
    return y, (x, q, k, v, context, kept, A)


def attention_backward(dy: Any, cache: Any, p: Any, g: Any, sequences: Any, A: int) -> Any:
    """dy (N, H) -> dx (N, H); adds into g.query, g.key, g.value and g.output"""
    x, q, k, v, context, kept, _ = cache
    dcontext = linear_backward(dy, context, p.output, g.output)  # (N, H)
    dq, dk, dv = np.empty_like(dcontext), np.empty_like(dcontext), np.empty_like(dcontext)
    for tile, drop in kept:
        parts = [cut(z, tile, A) for z in (q, k, v)] + [cut_gradient(dcontext, tile, A)]
        gradients = [np.empty_like(part) for part in parts[:3]]
        for heads in some_heads(tile, A, x.itemsize):
            here = [part[:, heads] for part in parts]
            a = weights(here[0], here[1], tile)
            attend_backward(here, a, None if drop is None else drop[:, heads], [d[:, heads] for d in gradients])
        for d, part in zip((dq, dk, dv), gradients):
            paste(part, d, tile)
    dq *= 1 / math.sqrt(q.shape[1] // A)  # q, as it was kept, has the scale in it
    dx = linear_backward(dq, x, p.query, g.query)
    dx += linear_backward(dk, x, p.key, g.key)
    dx += linear_backward(dv, x, p.value, g.value)
    return dx


def weights(q: Any, k: Any, tile: Tile) -> Any:
    """softmax(q kᵀ).   q, k (G, A, T, D) -> (G, A, T, T)"""
    scores = q @ k.swapaxes(-1, -2)
    if tile.bias is not None:
        scores += tile.bias
    return softmax_in_place(scores)


def attend_backward(inputs: list[Any], probs: Any, drop: Any, out: list[Any]) -> None:
    """inputs: q, k, v and dcontext (G, A, T, D); probs and drop (G, A, T, T) -> dq, dk, dv into the three arrays of `out`"""
    (q, k, v, dc), (dq, dk, dv) = inputs, out
    np.matmul((probs if drop is None else probs * drop).swapaxes(-1, -2), dc, out=dv)
    ds = dc @ v.swapaxes(-1, -2)  # (G, A, T, T)
    if drop is not None:
        ds *= drop
    softmax_backward_in_place(ds, probs)
    np.matmul(ds, k, out=dq)
    np.matmul(ds.swapaxes(-1, -2), q, out=dk)


def some_heads(tile: Tile, A: int, itemsize: int) -> Iterator[slice]:
    """So many heads at a time that their scores stay in the cache."""
    step = max(1, TILE_BYTES // (tile.G * tile.T * tile.T * itemsize))
    for head in range(0, A, step):
        yield slice(head, head + step)


def dropped(tile: Tile, sequences: Any, A: int, dtype: Any, rate: float, rng: Dropout | None) -> Any:
    """What the weights are multiplied by, (G, A, T, T): 0 or 1 / (1 - rate). None without dropout.

    A query's elements are its heads and keys, A · T of its own sequence, as in the textbook; filling is dropped.
    """
    if rng is None or threshold(rate) == 0:
        return None
    scale = RANGE / (RANGE - threshold(rate))
    drop = np.zeros((tile.G, A, tile.T, tile.T), dtype)
    for i, number in enumerate(tile.numbers):
        start, T = int(sequences.starts[number]), int(sequences.lengths[number])
        keep = keep_mask(rng.key(), rng.rows[start : start + T], A * T, threshold(rate))
        drop[i, :, :T, :T] = keep.reshape(T, A, T).swapaxes(0, 1)
    drop *= scale
    return drop


def attention_probabilities(cache: Any) -> list[Any]:
    """The weights (A, T, T) of each sequence, for looking at."""
    _, q, k, _, _, kept, A = cache
    found = {}
    for tile, _ in kept:
        probs = weights(cut(q, tile, A), cut(k, tile, A), tile)  # (G, A, T, T)
        for i, number in enumerate(tile.numbers):
            T = tile.T if tile.real is None else int(tile.real[i].sum())
            found[number] = probs[i, :, :T, :T]
    return [found[number] for number in range(len(found))]
