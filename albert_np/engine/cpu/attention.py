"""Kernel of core/layers/attention.py: sequences of nearly equal length together, in place, a few heads at a time.

The scale 1 / √D is multiplied into the queries once. The weights (T, T) are not stored for the backward pass: computing them
again from queries and keys takes a hundredth of a step, and for long sequences they would be larger than the rest of a layer's
cache.
"""

import math
from collections import namedtuple
from collections.abc import Iterator

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.layers import linear, linear_backward
from albert_np.core.params import Namespace
from albert_np.core.random import RANGE, RandomKey, threshold
from albert_np.core.sequences import Sequences
from albert_np.engine.cpu.dropout import pack_mask, unpack_mask
from albert_np.engine.cpu.philox import keep_mask
from albert_np.engine.cpu.softmax import softmax_backward_in_place, softmax_in_place
from albert_np.engine.cpu.tiles import TILE_BYTES, Tile, gather_gradient, gather_tile, get_tiles, scatter_tile
from albert_np.engine.kernels import retagged

# q, k, v (N, H), q with the scale in it; caches of the four linear maps; tiles: (tile, dropout mask or None) of each
AttentionCache = namedtuple("AttentionCache", "q k v c_query c_key c_value c_output tiles A")


def attention(
    x: Array, p: Namespace, sequences: Sequences, A: int, rate: float = 0.0, dropout_key: RandomKey | None = None
) -> tuple[Array, AttentionCache]:
    """x (N, H); p.query, p.key, p.value, p.output linear (H, H) -> y (N, H). rate: dropout of the attention weights."""
    (q, c_query), (k, c_key), (v, c_value) = linear(x, p.query), linear(x, p.key), linear(x, p.value)  # (N, H) each
    q *= 1 / math.sqrt(q.shape[1] // A)
    context, tiles = np.empty_like(q), []
    for tile in get_tiles(sequences, A, x.dtype):
        drop = dropout_mask(tile, sequences, A, x.dtype, rate, dropout_key)
        attend(q, k, v, tile, drop, A, context)
        tiles.append((tile, drop))
    y, c_output = linear(context, p.output)
    return y, AttentionCache(q, k, v, c_query, c_key, c_value, c_output, tiles, A)


def attention_backward(dy: Array, cache: AttentionCache, p: Namespace, g: Namespace, sequences: Sequences, A: int) -> Array:
    """dy (N, H) -> dx (N, H); adds to g.query, g.key, g.value and g.output"""
    q, k, v = cache.q, cache.k, cache.v
    dcontext = linear_backward(dy, cache.c_output, p.output, g.output)  # (N, H)
    dq, dk, dv = np.empty_like(dcontext), np.empty_like(dcontext), np.empty_like(dcontext)
    for tile, drop in cache.tiles:
        heads = [gather_tile(z, tile, A) for z in (q, k, v)] + [gather_gradient(dcontext, tile, A)]  # (G, A, T, D) each
        gradients = [np.empty_like(z) for z in heads[:3]]
        for part in head_slices(tile, A, q.itemsize):
            inputs = [z[:, part] for z in heads]
            probs = attention_weights(inputs[0], inputs[1], tile)
            attend_backward(inputs, probs, None if drop is None else drop[:, part], [d[:, part] for d in gradients])
        for d, gradient in zip((dq, dk, dv), gradients):
            scatter_tile(gradient, d, tile)
    dq *= 1 / math.sqrt(q.shape[1] // A)  # the q of the cache has the scale in it
    dx = linear_backward(dq, cache.c_query, p.query, g.query)
    dx += linear_backward(dk, cache.c_key, p.key, g.key)
    dx += linear_backward(dv, cache.c_value, p.value, g.value)
    return dx


def attend(q: Array, k: Array, v: Array, tile: Tile, drop: Array | None, A: int, out: Array) -> None:
    """q, k, v (N, H), q with the scale in it; drop (G, A, T, T) -> the tile's rows of the context, in `out` (N, H)"""
    heads = [gather_tile(z, tile, A) for z in (q, k, v)]  # (G, A, T, D) each
    context = np.empty_like(heads[0])
    for part in head_slices(tile, A, q.itemsize):
        qh, kh, vh = (z[:, part] for z in heads)
        probs = attention_weights(qh, kh, tile)  # (G, a, T, T)
        np.matmul(probs if drop is None else probs * drop[:, part], vh, out=context[:, part])
    scatter_tile(context, out, tile)


def attention_weights(q: Array, k: Array, tile: Tile) -> Array:
    """softmax(q kᵀ).   q, k (G, A, T, D) -> (G, A, T, T)"""
    scores = q @ k.swapaxes(-1, -2)
    if tile.bias is not None:
        scores += tile.bias
    return softmax_in_place(scores)


def attend_backward(inputs: list[Array], probs: Array, drop: Array | None, out: list[Array]) -> None:
    """inputs: q, k, v and dcontext (G, A, T, D); probs and drop (G, A, T, T) -> dq, dk, dv into the three arrays of `out`"""
    (q, k, v, dc), (dq, dk, dv) = inputs, out
    np.matmul((probs if drop is None else probs * drop).swapaxes(-1, -2), dc, out=dv)
    ds = dc @ v.swapaxes(-1, -2)  # (G, A, T, T)
    if drop is not None:
        ds *= drop
    softmax_backward_in_place(ds, probs)
    np.matmul(ds, k, out=dq)
    np.matmul(ds.swapaxes(-1, -2), q, out=dk)


def compact(cache: AttentionCache) -> AttentionCache:
    """Return the cache without its arrays (N, H), and with its dropout masks packed."""
    tiles = [(tile, None if drop is None else pack_mask(drop)) for tile, drop in cache.tiles]
    arrays = dict.fromkeys(("q", "k", "v", "c_query", "c_key", "c_value"))
    return cache._replace(**arrays, c_output=retagged(cache.c_output, None), tiles=tiles)


def restore(cache: AttentionCache, x: Array, p: Namespace, rate: float) -> AttentionCache:
    """x (N, H) -> the cache that `compact` was given: three products and those of the weights; the output is not needed"""
    A = cache.A
    (q, c_query), (k, c_key), (v, c_value) = linear(x, p.query), linear(x, p.key), linear(x, p.value)  # (N, H) each
    q *= 1 / math.sqrt(q.shape[1] // A)
    context, tiles = np.empty_like(q), []
    for tile, packed in cache.tiles:
        drop = None if packed is None else as_factors(unpack_mask(packed), x.dtype, rate)
        attend(q, k, v, tile, drop, A, context)
        tiles.append((tile, drop))
    return AttentionCache(q, k, v, c_query, c_key, c_value, retagged(cache.c_output, context), tiles, A)


def head_slices(tile: Tile, A: int, itemsize: int) -> Iterator[slice]:
    """Yield slices of the heads, each with as many heads as have their scores fit in the processor's cache."""
    step = max(1, TILE_BYTES // (tile.G * tile.T * tile.T * itemsize))
    for head in range(0, A, step):
        yield slice(head, head + step)


def dropout_mask(
    tile: Tile, sequences: Sequences, A: int, dtype: np.dtype, rate: float, dropout_key: RandomKey | None
) -> Array | None:
    """Return the factors of the weights, (G, A, T, T): 0 or 1 / (1 - rate). None without dropout.

    A query has A · T elements, one per head and key of its own sequence, as in the reference; padding is dropped.
    """
    if dropout_key is None or threshold(rate) == 0:
        return None
    kept = np.zeros((tile.G, A, tile.T, tile.T), bool)
    for g, i in enumerate(tile.members):
        start, T = int(sequences.starts[i]), int(sequences.lengths[i])
        mask = keep_mask(dropout_key.words(), dropout_key.rows[start : start + T], A * T, threshold(rate))
        kept[g, :, :T, :T] = mask.reshape(T, A, T).swapaxes(0, 1)
    return as_factors(kept, dtype, rate)


def as_factors(kept: Array, dtype: np.dtype, rate: float) -> Array:
    """Booleans, False where a weight is dropped -> 0 or 1 / (1 - rate)"""
    drop = kept.astype(dtype)
    drop *= RANGE / (RANGE - threshold(rate))
    return drop


def attention_probabilities(cache: AttentionCache) -> list[Array]:
    """Return the attention weights (A, T, T) of each sequence, for inspection."""
    by_sequence = {}
    for tile, _ in cache.tiles:
        probs = attention_weights(gather_tile(cache.q, tile, cache.A), gather_tile(cache.k, tile, cache.A), tile)  # (G, A, T, T)
        for g, i in enumerate(tile.members):
            T = tile.T if tile.is_token is None else int(tile.is_token[g].sum())
            by_sequence[i] = probs[g, :, :T, :T]
    return [by_sequence[i] for i in range(len(by_sequence))]
