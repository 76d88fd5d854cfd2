"""Documents -> blocks: the runs of sentences that become one example each.

Google's chunking (create_pretraining_data.py, create_instances_from_document): segments are collected until they have
at least a target length, or the document ends. The target is T - 3 tokens, or with probability `short_seq_prob` any
length from 2 to T - 3. The corpus is cut once: a block is what "an example" means from then on.

Google draws the target once for a document (style "google"). Where documents are whole novels, that cuts one novel in
ten into nothing but scraps; style "paper" draws it for each block, as the paper's sentence reads ("we randomly
generate input sequences shorter than 512 with a probability of 10%").
"""

from dataclasses import dataclass

import numpy as np

from albert_np.core.random import generator
from albert_np.data.corpus import Corpus


@dataclass(frozen=True)
class Blocks:
    """n blocks of U units (documents, mostly).

    first, stop  (n,) int64: block i is the segments first[i] ... stop[i] - 1
    target       (n,) int64: the length that was drawn for it, or for its document
    unit         (n,) int64: which unit it lies in
    units        (U, 2) int64: the first segment of each unit, and one past the last
    """

    first: np.ndarray
    stop: np.ndarray
    target: np.ndarray
    unit: np.ndarray
    units: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def single(self) -> np.ndarray:
        """(n,) bool: blocks of only one segment, in which there is no order of sentences to be learned."""
        return self.stop - self.first == 1

    def keep(self, which: np.ndarray) -> "Blocks":
        return Blocks(self.first[which], self.stop[which], self.target[which], self.unit[which], self.units)


def cut_blocks(corpus: Corpus, units: np.ndarray, max_length: int, short_seq_prob: float, seed: int, style: str) -> Blocks:
    """All blocks of these units (U, 2), in the order of the text."""
    longest = max_length - 3  # [CLS] A [SEP] B [SEP]
    rng = generator(seed, "target")

    def draw(count: int) -> np.ndarray:
        short, length = rng.random(count) < short_seq_prob, rng.integers(2, longest + 1, count)
        return np.where(short, length, longest)

    walks = []
    for some in _portions(units):
        lengths = units[some, 1] - units[some, 0]  # segments of each unit
        # (segments,) the target of the chunk that starts here, if one does
        targets = np.repeat(draw(len(some)), lengths) if style == "google" else draw(int(lengths.sum()))
        walks.append(_chunks(corpus, units[some], targets))
    first = np.concatenate([w[0] for w in walks])  # (n,)
    target = np.concatenate([w[1] for w in walks])  # (n,)
    count = np.concatenate([w[2] for w in walks])  # (U,)
    unit = np.repeat(np.arange(len(units)), count)  # (n,)
    stop = np.append(first[1:], 0)
    last = np.cumsum(count) - 1  # (U,) the last block of each unit ends where the unit ends
    stop[last] = units[:, 1]
    return Blocks(first, stop, target, unit, units)


def _portions(units: np.ndarray) -> list[np.ndarray]:
    """The units in portions of about a million segments: what is worked on at once, so that memory stays bounded."""
    portion = (units[:, 1] - units[:, 0]).cumsum() >> 20  # (U,)
    return np.split(np.arange(len(units)), np.flatnonzero(np.diff(portion)) + 1)


def _chunks(corpus: Corpus, units: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each chunk starts and its target, (n,) both, and how many chunks a unit has, (U,).

    Where a chunk that starts at s would end is found for every segment s at once; then each unit is one walk along
    them.
    """
    lengths = units[:, 1] - units[:, 0]  # (U,) segments
    before = lengths.cumsum() - lengths  # (U,) segments of the units before it
    s = np.repeat(units[:, 0] - before, lengths) + np.arange(lengths.sum())  # every segment
    starts = corpus.segment_starts
    follow = np.searchsorted(starts, starts[s] + targets).tolist()
    at: list[int] = []  # chunk starts, as indices into s
    count = []
    for (begin, end), offset in zip(units.tolist(), before.tolist()):
        chunks, segment = len(at), begin
        while segment < end:
            at.append(offset + segment - begin)
            segment = follow[at[-1]]
        count.append(len(at) - chunks)
    return s[at], targets[at], np.array(count, dtype=np.int64)
