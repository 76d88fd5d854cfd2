"""Tiles: sequences of nearly equal length side by side, for batched products. A tile is (G, A, L, D); the longest has L tokens.

There are few tiles, because each costs some launches, and little padding: a shorter sequence joins a tile only if it has at least
MIN_FILL · L tokens.
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
    """Sequences side by side.

    members, sizes             indices of its G sequences in the batch, and their numbers of tokens
    starts, lengths, prefixes  (G,) int64 on the device: first rows, numbers of tokens, and prefix lengths (None: no mask)
    G, L                       number of sequences, and length to which they are padded
    """

    members: list[int]
    sizes: list[int]
    starts: Array
    lengths: Array
    prefixes: Array | None
    G: int
    L: int


def tiles_key(A: int, dtype: np.dtype) -> tuple[str, int, np.dtype]:
    """Return the key under which PackedSequences memoize their tiles."""
    return "gpu tiles", A, dtype


def get_tiles(sequences: Sequences, A: int, like: Array) -> list[Tile]:
    """Return tiles that contain every sequence once, by falling length, without empty ones. Memoized."""
    return memoized(sequences, tiles_key(A, like.dtype), lambda: make_tiles(sequences, A, like))


def make_tiles(sequences: Sequences, A: int, like: Array) -> list[Tile]:
    """Group the sequences into tiles."""
    tiles = []
    for members, L in plan(sequences.lengths.tolist(), A, like.dtype.itemsize):
        columns = (sequences.starts, sequences.lengths, getattr(sequences, "prefix_lengths", None))
        starts, sizes, prefixes = (
            None if column is None else backend.asarray_like(column[members].astype(np.int64), like) for column in columns
        )
        tiles.append(Tile(members, sequences.lengths[members].tolist(), starts, sizes, prefixes, len(members), L))
    return tiles


def plan(lengths: list[int], A: int, itemsize: int, bucket: Callable[[int], int] | None = None) -> list[tuple[list[int], int]]:
    """Group sequences by length -> (indices of the sequences, L) of each tile.

    bucket: a function from the length of a sequence to the L of its tile; sequences of different L never share a tile. None: L is
    the length of the longest sequence of the tile.
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
    """Return whether a sequence of this length may join a tile of length L."""
    return bucket(length) == L if bucket else length >= MIN_FILL * L


def gather_tile(x: Array, tile: Tile, A: int) -> Array:
    """x (N, H) -> (G, A, L, D), 0 in padding"""
    D = x.shape[1] // A
    heads = np.empty_like(x, shape=(tile.G, A, tile.L, D))
    sizes = np.int32(A), np.int32(tile.L), np.int32(D), np.int64(heads.size)
    launch("tiles", "gather_tile", x, blocks_for(heads.size), THREADS, x, tile.starts, tile.lengths, *sizes, heads)
    return heads


def scatter_tile(heads: Array, x: Array, tile: Tile) -> None:
    """heads (G, A, L, D) -> the tile's rows of x (N, H)"""
    _, A, L, D = heads.shape
    sizes = np.int32(A), np.int32(L), np.int32(D), np.int64(heads.size)
    launch("tiles", "scatter_tile", x, blocks_for(heads.size), THREADS, heads, tile.starts, tile.lengths, *sizes, x)
