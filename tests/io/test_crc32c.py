"""The checksum against published vectors, and the fast form against the definition."""

import tracemalloc

import numpy as np
import pytest

from albert_np.io.formats import crc32c as module
from albert_np.io.formats.crc32c import crc32c, masked_crc32c

# RFC 3720, appendix B.4, and the check value that catalogues of checksums give
VECTORS = [
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
    (
        bytes.fromhex("01c00000" + 12 * "00" + "14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000"),
        0xD9963A56,
    ),
    (b"123456789", 0xE3069283),
    (b"", 0),
]


def bit_by_bit(data):
    """The definition: a division by the polynomial, a bit at a time."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_published_vectors(data, expected):
    assert crc32c(data) == expected == bit_by_bit(data)


@pytest.mark.parametrize("lanes", module.LANES)
@pytest.mark.parametrize("extra", [-1, 0, 1, 3, 4, 5, 1001])
def test_lengths_around_two_rows(lanes, extra):
    data = np.random.default_rng(lanes + extra).integers(0, 256, 8 * lanes + extra, np.uint8).tobytes()
    assert crc32c(data) == bit_by_bit(data)


def test_zeros_in_front_count_at_the_start():
    assert crc32c(bytes(100_000)) == bit_by_bit(bytes(100_000)) != crc32c(bytes(100_001))


def test_each_form_of_bytes_wherever_it_begins():
    data = np.random.default_rng(0).integers(0, 256, 300_001, np.uint8)
    expected = crc32c(data[3:].tobytes())
    assert crc32c(data[3:]) == crc32c(memoryview(data.tobytes())[3:]) == expected


def test_masked_is_what_tensorflow_stores():
    """An empty block and its compression byte, as every index that TensorFlow wrote ends its meta block."""
    assert masked_crc32c(bytes.fromhex("00000000 01000000 00")).to_bytes(4, "little").hex() == "c0f2a1b0"
    assert masked_crc32c(b"") == 0xA282EAD8


def test_little_memory_beside_the_data():
    data = np.zeros(32 << 20, np.uint8)
    crc32c(data[: 1 << 20])  # the tables stay
    tracemalloc.start()
    crc32c(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
