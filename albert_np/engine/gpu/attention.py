"""Kernel of core/layers/attention.py: sequences of nearly equal length together, all their heads at once, by batched products.

The weights are kept, as the gradient needs them. Dropout's result is not: it is computed again.
"""

import math
from collections import namedtuple
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.layers import linear, linear_backward
from albert_np.core.params import Namespace
from albert_np.core.random import RandomKey
from albert_np.core.sequences import Sequences
from albert_np.engine.gpu.dropout_arguments import dropout_arguments
from albert_np.engine.gpu.launch import contiguous, launch
from albert_np.engine.gpu.products import product
from albert_np.engine.gpu.tiles import Tile, gather_tile, get_tiles, scatter_tile

LONGEST = 8 * 1024  # tokens of a sequence: a thread has eight keys, a block at most 1024 threads

# caches of the four linear maps; tiles: (tile, q, k, v, probs) of each; drop: the arguments of dropout
AttentionCache = namedtuple("AttentionCache", "c_query c_key c_value c_output tiles drop")


def attention(
    x: Array, p: Namespace, sequences: Sequences, A: int, rate: float = 0.0, dropout_key: RandomKey | None = None
) -> tuple[Array, AttentionCache]:
    """x (N, H); p.query, p.key, p.value, p.output linear (H, H) -> y (N, H). rate: dropout of the attention weights."""
    x = contiguous(x)
    (q, c_query), (k, c_key), (v, c_value) = linear(x, p.query), linear(x, p.key), linear(x, p.value)  # (N, H) each
    drop, context, tiles = dropout_arguments(rate, dropout_key), room_like(q, sequences), []
    for tile in get_tiles(sequences, A, x):
        heads = [gather_tile(z, tile, A) for z in (q, k, v)]  # (G, A, L, D) each
        probs = product(heads[0], heads[1], transpose_b=True)  # (G, A, L, L), so far the scores
        scatter_tile(product(attention_weights(probs, tile, drop, heads[0].shape[-1]), heads[2]), context, tile)
        tiles.append((tile, *heads, probs))
    y, c_output = linear(context, p.output)
    return y, AttentionCache(c_query, c_key, c_value, c_output, tiles, drop)


def attention_backward(dy: Array, cache: AttentionCache, p: Namespace, g: Namespace, sequences: Sequences, A: int) -> Array:
    """dy (N, H) -> dx (N, H); adds to g.query, g.key, g.value and g.output"""
    dcontext = linear_backward(dy, cache.c_output, p.output, g.output)  # (N, H)
    dq, dk, dv = (room_like(dcontext, sequences) for _ in range(3))
    for tile, q, k, v, probs in cache.tiles:
        dc = gather_tile(dcontext, tile, A)  # (G, A, L, D)
        scatter_tile(product(dropped_weights(probs, tile, cache.drop), dc, transpose_a=True), dv, tile)
        ds = weights_backward(product(dc, v, transpose_b=True), probs, tile, cache.drop, q.shape[-1])  # (G, A, L, L)
        scatter_tile(product(ds, k), dq, tile)
        scatter_tile(product(ds, q, transpose_a=True), dk, tile)
    dx = linear_backward(dq, cache.c_query, p.query, g.query)
    dx += linear_backward(dk, cache.c_key, p.key, g.key)
    dx += linear_backward(dv, cache.c_value, p.value, g.value)
    return dx


def room_like(x: Array, sequences: Sequences) -> Array:
    """(N, H), of which every row will be written, except padding rows, which are 0: uninitialised memory may hold NaN."""
    return np.zeros_like(x) if getattr(sequences, "padding", 0) else np.empty_like(x)


def attention_probabilities(cache: AttentionCache) -> list[Array]:
    """Attention weights (A, T, T) of each sequence, for inspection."""
    by_sequence = {}
    for tile, _, _, _, probs in cache.tiles:
        for g, i in enumerate(tile.members):
            T = int(tile.sizes[g])
            by_sequence[i] = probs[g, :, :T, :T]
    return [by_sequence[i] for i in sorted(by_sequence)]


# ---- the weights (G, A, L, L) of a tile: a block of threads for each row ----


def attention_weights(scores: Array, tile: Tile, drop: Any, D: int) -> Array:
    """The scores become softmax(scores / √D); returns the weights after dropout, without dropout the same array."""
    left = None if drop[0] is None else np.empty_like(scores)
    _run("weights", scores, tile, scores, *_about(scores, tile), np.float64(1 / math.sqrt(D)), *drop, left)
    return scores if left is None else left


def dropped_weights(probs: Array, tile: Tile, drop: Any) -> Array:
    """The weights after dropout, computed again."""
    if drop[0] is None:
        return probs
    left = np.empty_like(probs)
    _run("dropped_weights", probs, tile, probs, *_about(probs, tile), *drop, left)
    return left


def weights_backward(dweights: Any, probs: Any, tile: Tile, drop: Any, D: int) -> Any:
    """The gradient of the weights after dropout becomes that of q kᵀ."""
    _run("weights_backward", probs, tile, dweights, probs, *_about(probs, tile), np.float64(1 / math.sqrt(D)), *drop)
    return dweights


def _about(probs: Any, tile: Tile) -> tuple[Any, ...]:
    return tile.starts, tile.lengths, tile.prefixes, np.int32(probs.shape[1]), np.int32(tile.L)


def _run(kernel: str, probs: Any, tile: Tile, *arguments: Any) -> None:
    if tile.L > LONGEST:
        raise ValueError(f"a sequence has {tile.L} tokens; attention on a GPU takes {LONGEST} at most")
    launch("weights", kernel, probs, probs.size // tile.L, -(-tile.L // 256) * 32, *arguments)
