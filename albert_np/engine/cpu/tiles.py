"""Sequences of nearly equal length, computed together.

Many short sequences, one after the other, would be many small calls. A tile puts G of them side by side as (G, T): the longest
has T tokens, the others are filled up, and what fills them is hidden. Little is filled: a sequence goes into a tile of another
length only if it is at least FULL of it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

FULL = 0.8
TILE_BYTES = 1 << 20  # of the scores (G, A, T, T), so that a tile stays in a core's cache; one sequence may take more


@dataclass(frozen=True)
class Tile:
    """numbers   of its G sequences within the batch
    rows      of their tokens in x (N, H): a slice for a single sequence, else (G, T) integers; filling repeats the first row
    real      (G, T) booleans, which of them are tokens; None if all are
    bias      0 where a query may see a key and -inf where not, to be added to the scores (G, A, T, T); None if all may
    G, T
    """

    numbers: list[int]
    rows: Any
    real: Any
    bias: Any
    G: int
    T: int


def tiles_of(sequences: Any, A: int, dtype: Any) -> list[Tile]:
    """All sequences, each in one tile, by falling length."""
    lengths = sequences.lengths.tolist()
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    made, first = [], 0
    while first < len(order):
        T = lengths[order[first]]
        room = max(1, TILE_BYTES // (A * T * T * np.dtype(dtype).itemsize)) if T else 1
        last = first + 1
        while last < len(order) and last - first < room and lengths[order[last]] >= FULL * T:
            last += 1
        made.append(tile_of(sequences, order[first:last], T, dtype))
        first = last
    return made


def tile_of(sequences: Any, numbers: list[int], T: int, dtype: Any) -> Tile:
    """These sequences side by side."""
    G, starts, lengths = len(numbers), sequences.starts[numbers], sequences.lengths[numbers]
    bias = None
    if sequences.source_lengths is not None or (lengths != T).any():
        hidden = np.ones((G, 1, T, T), bool)
        for i, (number, length) in enumerate(zip(numbers, lengths.tolist())):
            visible = sequences.visible(number, sequences.starts)
            hidden[i, 0, :, :length] = False  # filling looks at what it likes: nobody looks at it
            if visible is not None:
                hidden[i, 0, :length, :length] = ~visible
        bias = np.where(hidden, dtype.type(-math.inf), dtype.type(0))
    if G == 1:
        return Tile(numbers, slice(int(starts[0]), int(starts[0]) + T), None, bias, 1, T)
    real = np.arange(T) < lengths[:, None]
    rows = np.where(real, starts[:, None] + np.arange(T), starts[:, None])
    return Tile(numbers, rows, None if real.all() else real, bias, G, T)


def cut(x: Any, tile: Tile, A: int) -> Any:
    """x (N, H) -> (G, A, T, D): a view for a single sequence, else a copy"""
    part = x[tile.rows].reshape(tile.G, tile.T, A, x.shape[1] // A)
    return part.swapaxes(1, 2)


def cut_gradient(dx: Any, tile: Tile, A: int) -> Any:
    """As `cut`, but 0 where there is only filling: no gradient comes from there."""
    part = cut(dx, tile, A)
    if tile.real is not None:
        part.swapaxes(1, 2)[~tile.real] = 0
    return part


def paste(part: Any, x: Any, tile: Tile) -> None:
    """part (G, A, T, D) -> the tile's rows of x (N, H)"""
    rows = part.swapaxes(1, 2)  # (G, T, A, D)
    if tile.G == 1:
        x[tile.rows].reshape(rows.shape)[...] = rows
    elif tile.real is None:
        x[tile.rows] = rows.reshape(tile.G, tile.T, -1)
    else:
        x[tile.rows[tile.real]] = rows.reshape(tile.G, tile.T, -1)[tile.real]
