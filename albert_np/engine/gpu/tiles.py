"""Sequences of nearly equal length side by side, for batched products: a tile is (G, A, L, D), the longest has L tokens.

There are few tiles, as each costs some launches, and little padding: a sequence goes into a tile of another length only if it
fills MIN_FILL of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.core.sequences import Sequences
from albert_np.engine.gpu.activations import THREADS, blocks_for
from albert_np.engine.gpu.launch import launch
from albert_np.engine.sequences import memoized

MIN_FILL = 0.8
TILE_BYTES = 1 << 30  # of the weights (G, A, L, L), at most; one sequence may take more


@dataclass(frozen=True)
class Tile:
    """members, sizes: indices of its G sequences in the batch, and how many tokens they have
    starts, lengths, prefixes: on the device, (G,) int64: first rows, tokens, and lengths of the prefixes (None: no mask)"""

    members: list[int]
    sizes: list[int]
    starts: Array
    lengths: Array
    prefixes: Array | None
    G: int
    L: int


def tiles_key(A: int, dtype: np.dtype) -> tuple[str, int, np.dtype]:
    """The key under which PackedSequences memoize their tiles."""
    return "gpu tiles", A, dtype


def get_tiles(sequences: Sequences, A: int, like: Array) -> list[Tile]:
    """All sequences, each in one tile, by falling length; empty sequences are in none."""
    return memoized(sequences, tiles_key(A, like.dtype), lambda: make_tiles(sequences, A, like))


def make_tiles(sequences: Sequences, A: int, like: Array) -> list[Tile]:
    tiles = []
    for members, L in plan(sequences.lengths.tolist(), A, like.dtype.itemsize):
        columns = (sequences.starts, sequences.lengths, getattr(sequences, "prefix_lengths", None))
        starts, sizes, prefixes = (
            None if column is None else backend.asarray_like(column[members].astype(np.int64), like) for column in columns
        )
        tiles.append(Tile(members, sequences.lengths[members].tolist(), starts, sizes, prefixes, len(members), L))
    return tiles


def plan(lengths: list[int], A: int, itemsize: int, bucket: Callable[[int], int] | None = None) -> list[tuple[list[int], int]]:
    """-> (indices of its sequences, L) of each tile

    bucket: the L of a tile whose longest sequence has this length, the same for many lengths (each bucket then has tiles of its
    own). None: L is that length.
    """
    order = sorted((i for i in range(len(lengths)) if lengths[i]), key=lambda i: (-lengths[i], i))
    tiles, first = [], 0
    while first < len(order):
        longest = lengths[order[first]]
        L = bucket(longest) if bucket else longest
        room = max(1, TILE_BYTES // (A * L * L * itemsize))
        last = first + 1
        while last < len(order) and last - first < room and fits(lengths[order[last]], L, bucket):
            last += 1
        tiles.append((order[first:last], L))
        first = last
    return tiles


def fits(length: int, L: int, bucket: Callable[[int], int] | None) -> bool:
    """Whether a sequence goes into a tile of L."""
    return bucket(length) == L if bucket else length >= MIN_FILL * L


def gather_tile(x: Array, tile: Tile, A: int) -> Array:
    """x (N, H) -> (G, A, L, D), 0 in padding"""
    D = x.shape[1] // A
    heads = np.empty_like(x, shape=(tile.G, A, tile.L, D))
    sizes = np.int32(A), np.int32(tile.L), np.int32(D), np.int64(heads.size)
    launch("tiles", "cut", x, blocks_for(heads.size), THREADS, x, tile.starts, tile.lengths, *sizes, heads)
    return heads


def scatter_tile(heads: Array, x: Array, tile: Tile) -> None:
    """heads (G, A, L, D) -> the tile's rows of x (N, H)"""
    _, A, L, D = heads.shape
    sizes = np.int32(A), np.int32(L), np.int32(D), np.int64(heads.size)
    launch("tiles", "paste", x, blocks_for(heads.size), THREADS, heads, tile.starts, tile.lengths, *sizes, x)
