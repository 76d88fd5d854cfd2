"""Philox4x32-10 over arrays (Salmon et al. 2011): random bits that are a function of where they are used.

Ten rounds of multiplying and mixing encrypt a 128-bit counter under a 64-bit key. Neighbouring counters give unrelated bits,
so any element's bits can be had without computing those before it, on any device, in any order. Plain integer arithmetic:
the same bits from NumPy, from CuPy, and from a CUDA kernel.
"""

from typing import Any

import numpy as np

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85  # the key's steps: the golden ratio, sqrt(3) - 1
LOW = 0xFFFFFFFF
BITS = 16  # of each number handed out
PER_BLOCK = 128 // BITS


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Encrypt four uint64 arrays that hold 32-bit words (they broadcast) under a key of two 32-bit words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]  # 64 bits each
        c0, c1, c2, c3 = (product1 >> 32) ^ c1 ^ k0, product1 & LOW, (product0 >> 32) ^ c3 ^ k1, product0 & LOW
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return c0, c1, c2, c3


def bits16(key: tuple[int, int], rows: Any, blocks: Any) -> Any:
    """Random 16-bit numbers for rows of elements.

    rows (N, 2) integers (example, token), blocks (W / 8,) their elements in eights -> (N, W) uint16
    """
    example, token = rows[:, 0, None].astype(np.uint64), rows[:, 1, None].astype(np.uint64)  # (N, 1) each
    element = blocks[None, :].astype(np.uint64)  # (1, W / 8)
    words = philox((element, token, example & LOW, example >> 32), key)  # four of (N, W / 8)
    halves = [half for word in words for half in (word & 0xFFFF, word >> 16)]
    stacked = np.concatenate([half.astype(np.uint16)[:, :, None] for half in halves], axis=2)  # (N, W / 8, 8)
    return stacked.reshape(len(rows), -1)  # (N, W)
