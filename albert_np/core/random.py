"""Randomness without state: every draw is a pure function of (seed, purpose, where it is used).

A stateful generator hands out numbers in the order of the calls, so whatever changes that order (another packing of the
batch, recomputing a layer in the backward pass, resuming, a second process) changes the numbers. A counter-based generator
(Philox: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") has no order: it encrypts a counter under a key.

* `generator` draws on the host, for data: pairs, masks, the order of the examples.
* `Dropout` names the bits that a dropout layer asks `backend.random_bits` for, on whichever device its array lives.
"""

import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

RANGE = 1 << 16  # the bits of an element are one of so many numbers


def threshold(rate: float) -> int:
    """Of the 65536 equally likely 16-bit numbers, how many drop an element: never all."""
    return min(round(rate * RANGE), RANGE - 1)


def _key(seed: int, purpose: str, numbers: tuple[int, ...]) -> np.random.SeedSequence:
    """A well-mixed key of all its arguments; different arguments give unrelated streams."""
    if seed < 0:
        raise ValueError(f"seed must be a non-negative integer, not {seed}")
    return np.random.SeedSequence((seed, zlib.crc32(purpose.encode()), *numbers))


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A host generator that depends on its arguments and on nothing else, e.g. ``generator(seed, "mask", epoch, example)``."""
    return np.random.Generator(np.random.Philox(_key(seed, purpose, numbers)))


@dataclass(frozen=True)
class Dropout:
    """What the dropout masks of one forward pass depend on.

    seed, step   the run's seed and the number of its optimiser step.
    place        the layer it is for, such as ("ffn", 3); `at` fills it in.
    rows         (N, 2) integers: the example of each token and its number within the example. The model fills them in, so
                 a token's mask does not depend on which other sequences stand in the batch.
    step_words   (2,) uint32 on a device: `words_of_step`, read there instead of here, for a step that is recorded once and
                 replayed with other numbers. None: the step is known.
    """

    seed: int
    step: int = 0
    place: tuple[str, int] = ("", 0)
    rows: Any = field(default=None, repr=False, compare=False)
    step_words: Any = field(default=None, repr=False, compare=False)

    def at(self, name: str, layer: int = 0) -> "Dropout":
        """The same randomness at another place of the model."""
        return replace(self, place=(name, layer))

    def of(self, rows: Any) -> "Dropout":
        """The same randomness for these rows (N, 2): (example, token)."""
        return replace(self, rows=rows)

    def key(self) -> tuple[int, int]:
        """The two 32-bit words under which Philox encrypts (example, token, element): those of the place, mixed with the step's.

        Words of another place or step have nothing to do with these, so neither have their exclusive ors.
        """
        place, step = self.words_of_place(), self.words_of_step()
        return place[0] ^ step[0], place[1] ^ step[1]

    def words_of_place(self) -> tuple[int, int]:
        return _words(self.seed, "dropout " + self.place[0], self.place[1])

    def words_of_step(self) -> tuple[int, int]:
        return _words(self.seed, "dropout step", self.step)


def _words(seed: int, purpose: str, number: int) -> tuple[int, int]:
    low, high = _key(seed, purpose, (number,)).generate_state(2)
    return int(low), int(high)
