"""Tiles: sequences of nearly equal length, computed together.

Computing many short sequences one by one would take many small calls. A tile is an array (G, T) of G sequences: the longest has T
tokens, the others are padded, and the padding is masked. There is little padding: a shorter sequence joins a tile only if it has
at least MIN_FILL · T tokens.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.sequences import Sequences
from albert_np.engine.sequences import memoized

MIN_FILL = 0.8
TILE_BYTES = 1 << 20  # of the scores (G, A, T, T), so that a tile stays in a core's cache; one sequence may take more


@dataclass(frozen=True)
class Tile:
    """Sequences side by side.

    members   indices of its G sequences in the batch
    rows      of their tokens in x (N, H): a slice for a single sequence, else (G, T) integers; padding repeats the first row
    is_token  (G, T) booleans, False for padding; None if there is no padding
    bias      0 where a query may attend to a key and -inf where not, to be added to the scores (G, A, T, T); None: everywhere
    G, T      number of sequences, and tokens of the longest
    """

    members: list[int]
    rows: Any
    is_token: np.ndarray | None
    bias: np.ndarray | None
    G: int
    T: int


def get_tiles(sequences: Sequences, A: int, dtype: np.dtype) -> list[Tile]:
    """Return tiles that contain every sequence once, by falling length. Memoized."""
    return memoized(sequences, ("cpu tiles", A, dtype), lambda: make_tiles(sequences, A, dtype))


def make_tiles(sequences: Sequences, A: int, dtype: np.dtype) -> list[Tile]:
    """Group the sequences into tiles."""
    lengths = sequences.lengths.tolist()
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    tiles, first = [], 0
    while first < len(order):
        T = lengths[order[first]]
        room = max(1, TILE_BYTES // (A * T * T * np.dtype(dtype).itemsize)) if T else 1
        last = first + 1
        while last < len(order) and last - first < room and lengths[order[last]] >= MIN_FILL * T:
            last += 1
        tiles.append(make_tile(sequences, order[first:last], T, dtype))
        first = last
    return tiles


def make_tile(sequences: Sequences, members: list[int], T: int, dtype: np.dtype) -> Tile:
    """Return the tile of these sequences, the longest of which has T tokens."""
    G, starts, lengths = len(members), sequences.starts[members], sequences.lengths[members]
    visible = [sequences.visible(i) for i in members]
    bias = None
    if (lengths != T).any() or any(each is not None for each in visible):
        hidden = np.ones((G, 1, T, T), bool)
        for g, (length, each) in enumerate(zip(lengths.tolist(), visible)):
            hidden[g, 0, :, :length] = False  # padding queries may attend anywhere; their outputs are discarded
            if each is not None:
                hidden[g, 0, :length, :length] = ~each
        bias = np.where(hidden, dtype.type(-math.inf), dtype.type(0))
    if G == 1:
        return Tile(members, slice(int(starts[0]), int(starts[0]) + T), None, bias, 1, T)
    is_token = np.arange(T) < lengths[:, None]
    rows = np.where(is_token, starts[:, None] + np.arange(T), starts[:, None])
    return Tile(members, rows, None if is_token.all() else is_token, bias, G, T)


def gather_tile(x: Array, tile: Tile, A: int) -> Array:
    """x (N, H) -> (G, A, T, D): a view for a single sequence, else a copy"""
    heads = x[tile.rows].reshape(tile.G, tile.T, A, x.shape[1] // A)
    return heads.swapaxes(1, 2)


def gather_gradient(dx: Array, tile: Tile, A: int) -> Array:
    """As `gather_tile`, but 0 in padding, which has no gradient."""
    heads = gather_tile(dx, tile, A)
    if tile.is_token is not None:
        heads.swapaxes(1, 2)[~tile.is_token] = 0
    return heads


def scatter_tile(heads: Array, x: Array, tile: Tile) -> None:
    """heads (G, A, T, D) -> the tile's rows of x (N, H)"""
    rows = heads.swapaxes(1, 2)  # (G, T, A, D)
    if tile.G == 1:
        x[tile.rows].reshape(rows.shape)[...] = rows
    elif tile.is_token is None:
        x[tile.rows] = rows.reshape(tile.G, tile.T, -1)
    else:
        x[tile.rows[tile.is_token]] = rows.reshape(tile.G, tile.T, -1)[tile.is_token]
