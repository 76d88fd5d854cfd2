"""CRC-32C (Castagnoli), vectorised in NumPy: the checksum of TensorFlow's checkpoints.

A message is read as a polynomial over GF(2), one coefficient per bit, the lowest bit of the first byte being the highest power.
Its checksum is the remainder modulo P = x^32 + x^28 + ... + 1 (RFC 3720, section 12.1). Two properties make it fast:

1. Multiplying by x^k is linear. So the remainder of w x^k, for a word w of 32 bits, is the XOR of one entry of a table for the
   lower 16 bits of w and one of a table for the upper 16.
2. Adding (XOR) a multiple of P changes no remainder. So a word may be removed from the message and its remainder
   added at a later word, multiplied by the power between them.

Cut the message into rows of L words. Every word of the first row is 32 L bits before the word below it: multiply the row by
x^(32 L), add it to the second row, and drop the first. Repeat, L words at a time, until one row is left: a short message with the
same remainder. Rows of fewer words shorten it further; the last few bytes are processed one by one.

Leading zeros change nothing, so the first row is padded in front. Starting from 32 ones is the same as inverting the first four
bytes; the result is inverted at the end.
"""

from functools import cache
from itertools import chain

import numpy as np

POLYNOMIAL = 0x82F63B78  # the highest power is the lowest bit
ONES = 0xFFFFFFFF
LANES = (8192, 512, 32)  # words in a row; a message of fewer than two rows goes to the next


def crc32c(data: bytes | memoryview | np.ndarray) -> int:
    """Return the checksum of contiguous bytes, 0 to 2^32 - 1; about 1 GB/s, with a few hundred KB of temporary memory."""
    message = np.frombuffer(data, np.uint8)
    state = ONES
    for lanes in LANES:
        if len(message) >= 8 * lanes:
            message, state = _reduce_to_row(message, lanes, state), 0
    table = _byte_table()
    for byte in message.tolist():
        state = table[(state ^ byte) & 255] ^ state >> 8
    return state ^ ONES


def masked_crc32c(data: bytes | memoryview | np.ndarray) -> int:
    """Return the checksum as stored in files: rotated, plus a constant, because data with their CRC appended have a fixed one.

    Source: crc32c.h of LevelDB, also used by TensorFlow.
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & ONES


def _reduce_to_row(message: np.ndarray, lanes: int, start: int) -> np.ndarray:
    """Return a message of `lanes` words that has the remainder of `message` (uint8, at least two rows) from state `start`."""
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
    """Return the remainders of the 256 bytes, multiplied by x^32."""
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = table >> 1 ^ (table & 1) * np.uint32(POLYNOMIAL)
    return table.tolist()


@cache
def _shift_tables(words: int) -> tuple[np.ndarray, np.ndarray]:
    """Return w x^(32 words) mod P for all 16-bit w, as the lower and as the upper half of a word. words: a power of two."""
    columns: np.ndarray = np.uint32(1) << np.arange(32, dtype=np.uint32)
    table = np.array(_byte_table(), np.uint32)
    for _ in range(4):
        columns = table[columns & 255] ^ columns >> 8  # the images of the single bits, multiplied by x^32
    for _ in range(words.bit_length() - 1):
        columns = _images(columns, columns)  # twice the shift
    low, high = np.zeros((2, 1 << 16), np.uint32)
    for bit in range(16):
        low[1 << bit : 2 << bit] = low[: 1 << bit] ^ columns[bit]
        high[1 << bit : 2 << bit] = high[: 1 << bit] ^ columns[16 + bit]
    return low, high


def _images(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Apply the linear map that takes bit i to columns[i] to each of `values`."""
    bits = values[:, None] >> np.arange(32, dtype=np.uint32) & 1
    return np.bitwise_xor.reduce(bits * columns, axis=1)
