"""Sequences of nearly equal length side by side, for batched products: a tile is (G, A, L, D), the longest has L tokens.

Few tiles, as each is some launches; little filling, as a sequence goes into a tile of another length only if it has FULL of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.engine.gpu.activations import THREADS, blocks_for
from albert_np.engine.gpu.launch import launch

FULL = 0.8
TILE_BYTES = 1 << 30  # of the weights (G, A, L, L), at most; one sequence may take more


@dataclass(frozen=True)
class Tile:
    """numbers, sizes: of its G sequences within the batch, and how many tokens they have
    starts, lengths, sources: the same on the device, (G,) int64: first rows, tokens, and (for translation, else None) how many of
    these are the source"""

    numbers: list[int]
    sizes: list[int]
    starts: Any
    lengths: Any
    sources: Any
    G: int
    L: int


def tiles_of(sequences: Any, A: int, like: Any) -> list[Tile]:
    """All sequences, each in one tile, by falling length; what is empty in none."""
    made = []
    for numbers, L in plan(sequences.lengths.tolist(), A, like.dtype.itemsize):
        columns = (sequences.starts, sequences.lengths, sequences.source_lengths)
        starts, sizes, sources = (
            None if column is None else backend.asarray_like(column[numbers].astype(np.int64), like) for column in columns
        )
        made.append(Tile(numbers, sequences.lengths[numbers].tolist(), starts, sizes, sources, len(numbers), L))
    return made


def plan(lengths: list[int], A: int, itemsize: int, rung: Callable[[int], int] | None = None) -> list[tuple[list[int], int]]:
    """-> (the numbers of its sequences, L) of each tile

    rung: the L of a tile whose longest sequence is so long, the same for many (they have a tile of their own for each rung then).
    None: L is that length.
    """
    order = sorted((i for i in range(len(lengths)) if lengths[i]), key=lambda i: (-lengths[i], i))
    made, first = [], 0
    while first < len(order):
        longest = lengths[order[first]]
        L = rung(longest) if rung else longest
        room = max(1, TILE_BYTES // (A * L * L * itemsize))
        last = first + 1
        while last < len(order) and last - first < room and fits(lengths[order[last]], L, rung):
            last += 1
        made.append((order[first:last], L))
        first = last
    return made


def fits(length: int, L: int, rung: Callable[[int], int] | None) -> bool:
    """Whether a sequence goes into a tile of L."""
    return rung(length) == L if rung else length >= FULL * L


def cut(x: Any, tile: Tile, A: int) -> Any:
    """x (N, H) -> (G, A, L, D), 0 where there is filling"""
    D = x.shape[1] // A
    part = np.empty_like(x, shape=(tile.G, A, tile.L, D))
    sizes = np.int32(A), np.int32(tile.L), np.int32(D), np.int64(part.size)
    launch("tiles", "cut", x, blocks_for(part.size), THREADS, x, tile.starts, tile.lengths, *sizes, part)
    return part


def paste(part: Any, x: Any, tile: Tile) -> None:
    """part (G, A, L, D) -> the tile's rows of x (N, H)"""
    _, A, L, D = part.shape
    sizes = np.int32(A), np.int32(L), np.int32(D), np.int64(part.size)
    launch("tiles", "paste", x, blocks_for(part.size), THREADS, part, tile.starts, tile.lengths, *sizes, x)
