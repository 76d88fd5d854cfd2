"""Randomness without state: every draw is a function of (seed, purpose, where it is used).

A stateful generator hands out numbers in the order of the calls, so recomputing a layer, resuming a run or another packing of
the batch would change them. A counter-based one (Philox: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
encrypts a counter under a key. `generator` draws on the host, for data; `random_bits` on the device, for dropout's masks.
"""

import zlib
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from albert_np.core.backend import asarray_like
from albert_np.core.dispatch import Array

RANGE = 1 << 16  # number of different values of 16 bits
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85  # the key's steps: the golden ratio, sqrt(3) - 1
LOW = 0xFFFFFFFF
PER_BLOCK = 8  # numbers of 16 bits in one encrypted counter of 128 bits


def threshold(rate: float) -> int:
    """Number of the 65,536 16-bit values that mean "drop" (at most 65,535)."""
    return min(round(rate * RANGE), RANGE - 1)


def seed_sequence(seed: int, purpose: str, *numbers: int) -> np.random.SeedSequence:
    """A well-mixed key of all its arguments; different arguments give unrelated streams."""
    if seed < 0:
        raise ValueError(f"seed must be a non-negative integer, not {seed}")
    return np.random.SeedSequence((seed, zlib.crc32(purpose.encode()), *numbers))


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A host generator that is a function of its arguments, for example ``generator(seed, "mask", epoch, example)``."""
    return np.random.Generator(np.random.Philox(seed_sequence(seed, purpose, *numbers)))


@dataclass(frozen=True)
class RandomKey:
    """The key of a dropout mask: the same key, example, token and column give the same decision, on every device."""

    seed: int  # the run's
    step: int = 0  # index of the optimiser step
    place: tuple[str, int] = ("", 0)  # the layer that it is for, such as ("ffn output", 3); see `fold_in`
    rows: Array = field(default=None, repr=False, compare=False)  # (N, 2) integers: each token's example, and its index there

    def fold_in(self, name: str, i: int = 0) -> "RandomKey":
        """The key of the i-th layer of this name; it takes the place of an earlier one."""
        return replace(self, place=(name, i))

    def for_rows(self, rows: Array) -> "RandomKey":
        """The same key for these rows (N, 2): (example, token)."""
        return replace(self, rows=rows)

    def words(self) -> tuple[int, int]:
        """The two 32-bit words under which Philox encrypts (example, token, element)."""
        place, step = self.place_words(), self.step_words()
        return place[0] ^ step[0], place[1] ^ step[1]

    def place_words(self) -> list[int]:
        return seed_sequence(self.seed, "dropout " + self.place[0], self.place[1]).generate_state(2).tolist()

    def step_words(self) -> list[int]:
        return seed_sequence(self.seed, "dropout step", self.step).generate_state(2).tolist()


Key: TypeAlias = RandomKey | None  # None: no dropout


def philox(counter: tuple[Array, Array, Array, Array], key: tuple[int, int]) -> tuple[Array, Array, Array, Array]:
    """Philox4x32-10: encrypt four uint64 arrays that hold 32-bit words (they broadcast) under a key of two 32-bit words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]  # 64 bits each
        c0, c1, c2, c3 = (product1 >> 32) ^ c1 ^ k0, product1 & LOW, (product0 >> 32) ^ c3 ^ k1, product0 & LOW
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return c0, c1, c2, c3


def random_bits(key: tuple[int, int], rows: Array, W: int) -> Array:
    """Uniform 16-bit numbers: rows (N, 2) integers (example, token) -> (N, W), functions of key, example, token and column."""
    example, token = rows[:, 0, None].astype(np.uint64), rows[:, 1, None].astype(np.uint64)  # (N, 1) each
    blocks = asarray_like(np.arange(-(-W // PER_BLOCK), dtype=np.uint64), rows)  # (⌈W / 8⌉,)
    words = philox((blocks[None, :], token, example & LOW, example >> 32), key)  # four of (N, ⌈W / 8⌉)
    halves = [half for word in words for half in (word & 0xFFFF, word >> 16)]
    stacked = np.concatenate([half.astype(np.uint16)[:, :, None] for half in halves], axis=2)  # (N, ⌈W / 8⌉, 8)
    return stacked.reshape(len(rows), -1)[:, :W]
