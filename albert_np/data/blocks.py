"""Documents -> blocks: the runs of segments that become one example each.

Google's chunking (create_pretraining_data.py, create_instances_from_document): segments are collected until they have
at least a target length, or the document ends. The target is T - 3 tokens, or with probability `short_seq_prob` any
length from 2 to T - 3. The corpus is cut once, and an example is a block from then on.

Google draws the target once per document (style "google"). If documents are whole novels, this cuts one novel in ten
into very short blocks only; style "paper" draws it for each block, as in the paper's sentence ("we randomly generate
input sequences shorter than 512 with a probability of 10%").
"""

from array import array
from dataclasses import dataclass

import numpy as np

from albert_np.core.random import generator
from albert_np.data.corpus import Corpus

PIECE = 1 << 16  # segments whose blocks' ends are computed at once, and held as a list


@dataclass(frozen=True)
class Blocks:
    """n blocks of U units (a unit is a document, or a part of one).

    first, stop  (n,) int64: block i is the segments first[i] ... stop[i] - 1
    target       (n,) int64: the target length that was drawn for it, or for its document
    unit         (n,) int64: the unit in which it lies
    units        (U, 2) int64: the first segment of each unit, and one past the last
    """

    first: np.ndarray
    stop: np.ndarray
    target: np.ndarray
    unit: np.ndarray
    units: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def is_single(self) -> np.ndarray:
        """Return (n,) bool: the blocks of only one segment, which have no order of sentences to predict."""
        return self.stop - self.first == 1

    def select(self, mask: np.ndarray) -> "Blocks":
        """Return the blocks where the mask (n,) is true."""
        return Blocks(self.first[mask], self.stop[mask], self.target[mask], self.unit[mask], self.units)


def cut_blocks(corpus: Corpus, units: np.ndarray, max_length: int, short_seq_prob: float, seed: int, style: str) -> Blocks:
    """Cut units (U, 2) into blocks, in the order of the text."""
    longest = max_length - 3  # [CLS] A [SEP] B [SEP]
    rng = generator(seed, "target")

    def draw_targets(count: int) -> np.ndarray:
        short, targets = rng.random(count) < short_seq_prob, rng.integers(2, longest + 1, count)
        targets[~short] = longest
        return targets

    parts = []
    for portion in _split_units(units):
        sizes = (units[portion, 1] - units[portion, 0]).astype(np.intp)  # segments per unit
        drawn = np.repeat(draw_targets(len(portion)), sizes) if style == "google" else draw_targets(int(sizes.sum()))
        parts.append(_cut_units(corpus, units[portion], drawn))
    first, target, count = (np.concatenate(arrays) for arrays in zip(*parts))  # (n,), (n,), (U,)
    stop = np.append(first[1:], 0)  # a block ends where the next begins ...
    stop[np.cumsum(count) - 1] = units[:, 1]  # ... and the last one of a unit where the unit ends
    return Blocks(first, stop, target, np.repeat(np.arange(len(units)), count), units)


def _split_units(units: np.ndarray) -> list[np.ndarray]:
    """Split the units into portions of about a million segments, so that memory stays bounded. Returns their indices."""
    portion = (units[:, 1] - units[:, 0]).cumsum() >> 20  # (U,)
    return np.split(np.arange(len(units)), np.flatnonzero(np.diff(portion)) + 1)


def _cut_units(corpus: Corpus, units: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first segment and the target of each block, (n,) both, and the number of blocks per unit, (U,).

    targets (S,): for each of the S segments of these units, the target of the block that begins there, if one does.

    A block's end depends on its first segment alone. So the ends for all possible first segments of a piece are computed at once,
    and cutting a unit is following them: from its first segment to the end of that block, the end of the next, and so on.
    """
    sizes = (units[:, 1] - units[:, 0]).astype(np.intp)  # (U,)
    offsets = sizes.cumsum() - sizes  # (U,) where each unit begins in the arrays over S
    shifts, S = units[:, 0] - offsets, int(sizes.sum())  # (U,) added to an index into these arrays: the segment
    begins = array("q")  # first segments of the blocks, as indices into the arrays over S
    counts: list[int] = []
    low = high = 0
    for stop in (offsets + sizes).tolist():
        count, at = len(begins), stop - int(sizes[len(counts)])
        while at < stop:
            if at >= high:  # the next piece
                low, high = at, min(at + PIECE, S)
                index = np.arange(low, high)
                shift = shifts[np.searchsorted(offsets, index, side="right") - 1]
                starts = corpus.segment_starts[index + shift]
                ends = (np.searchsorted(corpus.segment_starts, starts + targets[low:high]) - shift).tolist()
            begins.append(at)
            at = ends[at - low]
        counts.append(len(begins) - count)
    found = np.array(begins, dtype=np.intp)
    return found + shifts[np.searchsorted(offsets, found, side="right") - 1], targets[found], np.array(counts, dtype=np.intp)
