"""Kernel of `random_bits` in core/random.py, compared with a threshold: dropout masks, computed in place in blocks of rows."""

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.random import LOW, MULTIPLIERS, PER_BLOCK, WEYL

COUNTERS = 1 << 12  # of a block: six arrays of 64-bit words, 200 kB


def keep_mask(key: tuple[int, int], rows: Array, columns: int, threshold: int) -> Array:
    """rows (N, 2) integers (example, token) -> (N, columns) booleans: the element's 16 random bits are at least `threshold`"""
    N, width = len(rows), -(-columns // PER_BLOCK)
    keep = np.empty((N, width * PER_BLOCK), bool)
    step = max(1, COUNTERS // max(1, width))
    for start in range(0, N, step):
        block = rows[start : start + step]
        counter = [np.empty((len(block), width), np.uint64) for _ in range(4)]
        example, token = block[:, 0, None].astype(np.uint64), block[:, 1, None].astype(np.uint64)
        counter[0][...] = np.arange(width, dtype=np.uint64)
        counter[1][...] = token
        counter[2][...] = example & LOW
        counter[3][...] = example >> 32
        words = encrypt(counter, key)  # four of 32 bits: eight numbers of 16
        halves = np.stack([word.astype(np.uint32) for word in words], axis=-1).view(np.uint16)  # (n, width, 8), low half first
        np.greater_equal(halves.reshape(len(block), -1), threshold, out=keep[start : start + step])
    return keep[:, :columns]


def encrypt(counter: list[Array], key: tuple[int, int]) -> list[Array]:
    """Encrypt counters by Philox4x32-10: four uint64 arrays of 32-bit words, which are overwritten."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    product0, product1 = np.empty_like(c0), np.empty_like(c0)
    for _ in range(10):
        np.multiply(c0, MULTIPLIERS[0], out=product0)  # 64 bits each
        np.multiply(c2, MULTIPLIERS[1], out=product1)
        c1 ^= product1 >> 32
        c1 ^= k0
        c3 ^= product0 >> 32
        c3 ^= k1
        c0, c2, c1, c3 = c1, c3, np.bitwise_and(product1, LOW, out=c0), np.bitwise_and(product0, LOW, out=c2)
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return [c0, c1, c2, c3]
