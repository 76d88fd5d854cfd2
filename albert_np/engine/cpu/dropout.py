"""Kernel of core/layers/dropout.py: the same random bits, computed in blocks of rows that fit the cache."""

from typing import NamedTuple

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.random import RANGE, RandomKey, threshold
from albert_np.engine.cpu.philox import keep_mask


def dropout(x: Array, rate: float, dropout_key: RandomKey | None) -> tuple[Array, Cache]:
    """x (N, W) -> y (N, W). Without a key, or with rate 0, y is x."""
    if dropout_key is None or threshold(rate) == 0:
        return x, None
    keep = keep_mask(dropout_key.words(), dropout_key.rows, x.shape[-1], threshold(rate))  # (N, W)
    scale = RANGE / (RANGE - threshold(rate))
    y = np.multiply(x, keep)
    y *= scale
    return y, (keep, scale)


def dropout_backward(dy: Array, cache: Cache) -> Array:
    """dy (N, W) -> dx (N, W)"""
    if cache is None:
        return dy
    keep, scale = cache
    dx = np.multiply(dy, keep)
    dx *= scale
    return dx


class PackedMask(NamedTuple):
    """A mask, a bit per element: an eighth of its bytes. Drawing it again takes fifty times as long as packing and unpacking."""

    bits: Array  # (..., ⌈W / 8⌉)
    W: int


def pack_mask(keep: Array) -> PackedMask:
    """keep (..., W): 0 where an element is dropped"""
    return PackedMask(np.packbits(keep if keep.dtype == bool else keep != 0, axis=-1), keep.shape[-1])


def unpack_mask(packed: PackedMask) -> Array:
    """-> booleans (..., W)"""
    return np.unpackbits(packed.bits, axis=-1, count=packed.W).view(bool)


def pack(cache: Cache) -> Cache:
    """Return the cache of a dropout with its mask packed."""
    return cache and (pack_mask(cache[0]), cache[1])


def unpack(packed: Cache) -> Cache:
    """Return the cache that was packed."""
    return packed and (unpack_mask(packed[0]), packed[1])
