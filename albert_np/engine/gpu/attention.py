"""Twin of core/layers/attention.py: sequences of nearly equal length together, all their heads at once, by batched products.

The weights are kept, as the gradient asks for them. What dropout makes of them is not: it comes again.
"""

import math
from typing import Any

import numpy as np

from albert_np.core.random import Dropout
from albert_np.engine.gpu.dropping import drop_of
from albert_np.engine.gpu.launch import contiguous, launch
from albert_np.engine.gpu.linear import linear, linear_backward
from albert_np.engine.gpu.products import product
from albert_np.engine.gpu.tiles import Tile, cut, paste, tiles_of

ON_DEVICE = "tiles on the device"  # under this, with A and the dtype, `Sequences` remember their tiles
LONGEST = 8 * 1024  # tokens of a sequence: a thread has eight keys, a block at most 1024 threads


def attention(x: Any, p: Any, sequences: Any, A: int, rate: float = 0.0, rng: Dropout | None = None) -> tuple[Any, Any]:
    """x (N, H); p.query, p.key, p.value, p.output linear (H, H) -> y (N, H). rate: dropout of the attention weights."""
    x = contiguous(x)
    q, k, v = (linear(x, w)[0] for w in (p.query, p.key, p.value))  # (N, H) each
    tiles = sequences.remember((ON_DEVICE, A, x.dtype), lambda: tiles_of(sequences, A, x))
    drop, context, kept = drop_of(rate, rng), room_like(q, sequences), []
    for tile in tiles:
        parts = [cut(z, tile, A) for z in (q, k, v)]  # (G, A, L, D) each
        probs = product(parts[0], parts[1], transpose_b=True)  # (G, A, L, L), so far the scores
        paste(product(weights(probs, tile, drop, parts[0].shape[-1]), parts[2]), context, tile)
        kept.append((tile, *parts, probs))
    y, _ = linear(context, p.output)
    return y, (x, context, kept, drop)


def attention_backward(dy: Any, cache: Any, p: Any, g: Any, sequences: Any, A: int) -> Any:
    """dy (N, H) -> dx (N, H); adds into g.query, g.key, g.value and g.output"""
    x, context, kept, drop = cache
    dcontext = linear_backward(dy, context, p.output, g.output)  # (N, H)
    dq, dk, dv = (room_like(dcontext, sequences) for _ in range(3))
    for tile, q, k, v, probs in kept:
        dc = cut(dcontext, tile, A)  # (G, A, L, D)
        paste(product(dropped(probs, tile, drop), dc, transpose_a=True), dv, tile)
        ds = weights_backward(product(dc, v, transpose_b=True), probs, tile, drop, q.shape[-1])  # (G, A, L, L)
        paste(product(ds, k), dq, tile)
        paste(product(ds, q, transpose_a=True), dk, tile)
    dx = linear_backward(dq, x, p.query, g.query)
    dx += linear_backward(dk, x, p.key, g.key)
    dx += linear_backward(dv, x, p.value, g.value)
    return dx


def room_like(x: Any, sequences: Any) -> Any:
    """(N, H), every row of which will be written, but for filling, which is 0: what lay in memory may be no number."""
    return np.zeros_like(x) if sequences.filling else np.empty_like(x)


def attention_probabilities(cache: Any) -> list[Any]:
    """The weights (A, T, T) of each sequence, for looking at."""
    found = {}
    for tile, _, _, _, probs in cache[2]:
        for i, number in enumerate(tile.numbers):
            T = int(tile.sizes[i])
            found[number] = probs[i, :, :T, :T]
    return [found[number] for number in sorted(found)]


# ---- the weights (G, A, L, L) of a tile: a block of threads for each row ----


def weights(scores: Any, tile: Tile, drop: Any, D: int) -> Any:
    """The scores become softmax(scores / √D) -> what dropout leaves of it: without dropout the same array"""
    left = None if drop[0] is None else np.empty_like(scores)
    _run("weights", scores, tile, scores, *_about(scores, tile), np.float64(1 / math.sqrt(D)), *drop, left)
    return scores if left is None else left


def dropped(probs: Any, tile: Tile, drop: Any) -> Any:
    """What dropout left of the weights, once more"""
    if drop[0] is None:
        return probs
    left = np.empty_like(probs)
    _run("dropped_weights", probs, tile, probs, *_about(probs, tile), *drop, left)
    return left


def weights_backward(dweights: Any, probs: Any, tile: Tile, drop: Any, D: int) -> Any:
    """The gradient of what dropout left becomes that of q kᵀ"""
    _run("weights_backward", probs, tile, dweights, probs, *_about(probs, tile), np.float64(1 / math.sqrt(D)), *drop)
    return dweights


def _about(probs: Any, tile: Tile) -> tuple[Any, ...]:
    return tile.starts, tile.lengths, tile.sources, np.int32(probs.shape[1]), np.int32(tile.L)


def _run(kernel: str, probs: Any, tile: Tile, *arguments: Any) -> None:
    if tile.L > LONGEST:
        raise ValueError(f"a sequence has {tile.L} tokens; attention on a GPU takes {LONGEST} at most")
    launch("weights", kernel, probs, probs.size // tile.L, -(-tile.L // 256) * 32, *arguments)
