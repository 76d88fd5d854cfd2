"""The counter-based generator: the published test vectors; its bits depend on where they are used and on nothing else."""

import numpy as np
import pytest

from albert_np.core.random import PER_BLOCK, RandomKey, generator, philox, random_bits

# kat_vectors of Random123 (Salmon et al.): philox4x32, 10 rounds: counter, key, result
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_published_vectors(counter, key, expected):
    words = philox(tuple(np.array([word], np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in words) == expected


def test_an_elements_bits_do_not_depend_on_the_others():
    key, rows = (3, 5), np.array([[7, 0], [2**33 + 1, 4], [7, 1]])
    bits = random_bits(key, rows, 37)
    assert bits.shape == (3, 37) and bits.dtype == np.uint16
    assert np.array_equal(random_bits(key, rows[[2, 0]], 37), bits[[2, 0]])
    assert np.array_equal(random_bits(key, rows, 11), bits[:, :11])
    assert np.array_equal(random_bits(key, rows.astype(np.int32 if rows.max() < 2**31 else np.int64), 37), bits)


def test_neighbours_are_unrelated():
    rows = np.stack([np.repeat(np.arange(40), 25), np.tile(np.arange(25), 40)], axis=1)
    bits = random_bits((1, 2), rows, 64).astype(float) / 65536
    assert abs(bits.mean() - 0.5) < 0.005 and abs(bits.std() - 12**-0.5) < 0.005
    assert np.abs(np.corrcoef(bits.T) - np.eye(64)).max() < 0.15 and np.abs(np.corrcoef(bits[:64]) - np.eye(64)).max() < 0.6
    assert len(np.unique(bits, axis=0)) == len(rows)
    low = random_bits((1, 2), rows, PER_BLOCK) & 1
    assert abs(low.mean() - 0.5) < 0.02


def test_large_examples_are_told_apart():
    rows = np.array([[1, 0], [1 + 2**32, 0]])
    first, second = random_bits((1, 2), rows, 16)
    assert not np.array_equal(first, second)


def test_dropout_keys_depend_on_everything_they_should():
    base = RandomKey(1, 2).fold_in("ffn", 3)
    others = [
        RandomKey(2, 2).fold_in("ffn", 3),
        RandomKey(1, 3).fold_in("ffn", 3),
        RandomKey(1, 2).fold_in("ffn", 4),
        RandomKey(1, 2).fold_in("attention", 3),
    ]
    keys = {draw.words() for draw in [base, *others]}
    assert len(keys) == 5 and base.words() == RandomKey(1, 2).fold_in("ffn", 3).words()
    assert all(0 <= word < 2**32 for word in base.words())


def test_host_generators_are_pure_functions_of_their_arguments():
    places = [(1, "mask", 2, 3), (1, "mask", 2, 4), (1, "mask", 3, 3), (1, "pair", 2, 3), (2, "mask", 2, 3), (1, "mask", 2)]
    draws = [generator(*place).integers(2**62) for place in places]
    assert len(set(draws)) == len(draws) and generator(1, "mask", 2, 3).integers(2**62) == draws[0]
    with pytest.raises(ValueError, match="seed"):
        generator(-1, "mask")
