"""CRC-32C (Castagnoli), fast in NumPy: the checksum of TensorFlow's checkpoints.

A message is read as a polynomial over GF(2), one coefficient a bit, the lowest bit of the first byte being the highest power.
Its checksum is the remainder by P = x^32 + x^28 + ... + 1 (RFC 3720, section 12.1). Two things about remainders make it fast:

1. Multiplying by x^k is linear. So the remainder of w x^k, for a word w of 32 bits, is the XOR of one entry of a table for the
   lower 16 bits of w and one of a table for the upper 16.
2. Adding (XOR) a multiple of P changes no remainder. So a word may be taken out of the message and its remainder put in
   further down, where the same power counts for less.

Cut the message into rows of L words. Every word of the first row stands 32 L bits before the word under it: multiply the row by
x^(32 L), add it to the second row, and the first is gone. Row after row goes like this, L words side by side, until one is left,
a short message with the same remainder. Rows of fewer words shorten that again; the last few bytes go one by one.

Zeros in front change nothing, so the first row is filled up there. The checksum's start with 32 ones is the same as inverting the
first four bytes; at its end it is inverted once more.
"""

from functools import cache
from itertools import chain

import numpy as np

POLYNOMIAL = 0x82F63B78  # the highest power is the lowest bit
ONES = 0xFFFFFFFF
LANES = (8192, 512, 32)  # words in a row; a message of fewer than two rows goes to the next


def crc32c(data: bytes | memoryview | np.ndarray) -> int:
    """The checksum of contiguous bytes, 0 to 2^32 - 1; about a gigabyte a second, with some hundred kilobytes beside the data."""
    message = np.frombuffer(data, np.uint8)
    state = ONES
    for lanes in LANES:
        if len(message) >= 8 * lanes:
            message, state = _one_row(message, lanes, state), 0
    table = _byte_table()
    for byte in message.tolist():
        state = table[(state ^ byte) & 255] ^ state >> 8
    return state ^ ONES


def masked(data: bytes | memoryview | np.ndarray) -> int:
    """The checksum as files store it: rotated and shifted, since the checksum of data that end in their own is a constant.

    Source: crc32c.h of LevelDB, whose tables and TensorFlow's checkpoints use this form.
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & ONES


def _one_row(message: np.ndarray, lanes: int, start: int) -> np.ndarray:
    """A message of `lanes` words with the remainder of `message` (uint8, two rows or more), begun with the state `start`."""
    row_bytes = 4 * lanes
    first = row_bytes + len(message) % row_bytes  # at least a row, so that the first four bytes are in it
    head = np.zeros(2 * row_bytes, np.uint8)
    head[-first:] = message[:first]
    head[-first:][:4] ^= np.array([start], "<u4").view(np.uint8)
    rows = chain(head.view("<u4").reshape(2, lanes), message[first:].view("<u4").reshape(-1, lanes))
    low, high = _shift_tables(lanes)
    sums = np.zeros(lanes, np.uint32)
    for row in rows:
        sums = low[sums & 0xFFFF] ^ high[sums >> 16] ^ row
    return sums.astype("<u4", copy=False).view(np.uint8)


@cache
def _byte_table() -> list[int]:
    """Remainders of the 256 bytes: what leaves the 32 bits when they move on by eight."""
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = table >> 1 ^ (table & 1) * np.uint32(POLYNOMIAL)
    return table.tolist()


@cache
def _shift_tables(words: int) -> tuple[np.ndarray, np.ndarray]:
    """w x^(32 words) mod P for the numbers w of 16 bits, once as lower and once as upper half. words: a power of two."""
    columns: np.ndarray = np.uint32(1) << np.arange(32, dtype=np.uint32)
    table = np.array(_byte_table(), np.uint32)
    for _ in range(4):
        columns = table[columns & 255] ^ columns >> 8  # now the images of the single bits when they move on by a word
    for _ in range(words.bit_length() - 1):
        columns = _images(columns, columns)  # twice as far
    low, high = np.zeros((2, 1 << 16), np.uint32)
    for bit in range(16):
        low[1 << bit : 2 << bit] = low[: 1 << bit] ^ columns[bit]
        high[1 << bit : 2 << bit] = high[: 1 << bit] ^ columns[16 + bit]
    return low, high


def _images(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The linear map that takes bit i to columns[i], applied to each of `values`."""
    bits = values[:, None] >> np.arange(32, dtype=np.uint32) & 1
    return np.bitwise_xor.reduce(bits * columns, axis=1)
