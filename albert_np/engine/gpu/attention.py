"""Kernel of core/layers/attention.py: sequences of nearly equal length together, all their heads at once, by batched products.

The weights are stored for the backward pass; their values after dropout are computed again.
"""

import math
from collections import namedtuple

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.layers import linear, linear_backward
from albert_np.core.params import Namespace
from albert_np.core.random import RandomKey
from albert_np.core.sequences import Sequences
from albert_np.engine.gpu.dropout_arguments import DropoutArguments, dropout_arguments
from albert_np.engine.gpu.launch import Argument, contiguous, launch
from albert_np.engine.gpu.products import product
from albert_np.engine.gpu.tiles import Tile, gather_tile, get_tiles, scatter_tile

MAX_LENGTH = 8 * 1024  # tokens of a sequence: a thread has eight keys, a block at most 1024 threads

# caches of the four linear maps; tiles: (tile, q, k, v, probs) of each; drop: see dropout_arguments.py
AttentionCache = namedtuple("AttentionCache", "c_query c_key c_value c_output tiles drop")


def attention(
    x: Array, p: Namespace, sequences: Sequences, A: int, rate: float = 0.0, dropout_key: RandomKey | None = None
) -> tuple[Array, AttentionCache]:
    """x (N, H); p.query, p.key, p.value, p.output linear (H, H) -> y (N, H). rate: dropout of the attention weights."""
    x = contiguous(x)
    (q, c_query), (k, c_key), (v, c_value) = linear(x, p.query), linear(x, p.key), linear(x, p.value)  # (N, H) each
    drop, context, tiles = dropout_arguments(rate, dropout_key), output_like(q, sequences), []
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
    dq, dk, dv = (output_like(dcontext, sequences) for _ in range(3))
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


def output_like(x: Array, sequences: Sequences) -> Array:
    """Return an array like x (N, H) to be overwritten. Padding rows are never written, and uninitialised memory may contain NaN,
    so with padding the array is filled with zeros."""
    return np.zeros_like(x) if getattr(sequences, "padding", 0) else np.empty_like(x)


def attention_probabilities(cache: AttentionCache) -> list[Array]:
    """Return the attention weights (A, T, T) of each sequence, for inspection."""
    by_sequence = {}
    for tile, _, _, _, probs in cache.tiles:
        for g, i in enumerate(tile.members):
            T = int(tile.sizes[g])
            by_sequence[i] = probs[g, :, :T, :T]
    return [by_sequence[i] for i in sorted(by_sequence)]


# ---- the weights (G, A, L, L) of a tile: a block of threads for each row ----


def attention_weights(scores: Array, tile: Tile, drop: DropoutArguments, D: int) -> Array:
    """Overwrite the scores with softmax(scores / √D). Return the weights after dropout; without dropout, the same array."""
    dropped = None if drop[0] is None else np.empty_like(scores)
    _launch("weights", scores, tile, scores, *_tile_arguments(scores, tile), np.float64(1 / math.sqrt(D)), *drop, dropped)
    return scores if dropped is None else dropped


def dropped_weights(probs: Array, tile: Tile, drop: DropoutArguments) -> Array:
    """Return the weights after dropout, computed again."""
    if drop[0] is None:
        return probs
    dropped = np.empty_like(probs)
    _launch("dropped_weights", probs, tile, probs, *_tile_arguments(probs, tile), *drop, dropped)
    return dropped


def weights_backward(dweights: Array, probs: Array, tile: Tile, drop: DropoutArguments, D: int) -> Array:
    """Overwrite the gradient of the weights after dropout with that of q kᵀ, and return it."""
    _launch("weights_backward", probs, tile, dweights, probs, *_tile_arguments(probs, tile), np.float64(1 / math.sqrt(D)), *drop)
    return dweights


def _tile_arguments(probs: Array, tile: Tile) -> tuple[Array | np.int32 | None, ...]:
    return tile.starts, tile.lengths, tile.prefixes, np.int32(probs.shape[1]), np.int32(tile.L)


def _launch(kernel: str, probs: Array, tile: Tile, *arguments: Argument) -> None:
    if tile.L > MAX_LENGTH:
        raise ValueError(f"expected sequences of at most {MAX_LENGTH} tokens for attention on a GPU, got one of {tile.L}")
    launch("weights", kernel, probs, probs.size // tile.L, -(-tile.L // 256) * 32, *arguments)
