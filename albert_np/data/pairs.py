"""Blocks -> pairs (A, B) with a label that says whether they are in order.

`objective`
  "sop"   the block's segments are cut in two at random; with probability 1/2 the halves change places: label 1.
  "nsp"   with probability 1/2 B comes from another document: label 1. Google then puts the unused segments back into the
          document; blocks are cut once here (every example exactly once an epoch), so they are left out of this epoch.
  "none"  A and B in order, without a label (the paper's ablation, section 4.6: the input keeps its form, the loss goes).

`style`, where a block is one segment, so that there are no two halves (a document's tail, mostly)
  "google"  B is text of another document, and the label is 1, although nothing was swapped (google-research/albert#234).
            With one document the "other" one is itself. Labels are more often 1 than 0.
  "paper"   the segment is cut at one of its blanks, any with the same probability. Nothing is ever taken from another
            document in "sop". A segment of a single word gives no example.
With "none" there is no label that a foreign B could explain, so both styles cut the segment.

What the sampler must know, the lengths, depends on which B is drawn: so all that decides them is drawn for a whole
epoch at once, `plan_pairs`; row i of the draws depends on (seed, epoch, i) alone. `make_pair` then builds one
example.
"""

from dataclasses import dataclass

import numpy as np

from albert_np.core.random import generator
from albert_np.data.blocks import Blocks
from albert_np.data.corpus import Corpus

STYLES = ("google", "paper")
OBJECTIVES = ("sop", "nsp", "none")


@dataclass(frozen=True)
class Pairs:
    """One epoch's pairs, of n blocks; nothing in it depends on another block.

    split          (n,) int64: A is the segments first ... split - 1; split = first: the one segment is cut at a blank
    blank          (n,) float: at which of its blanks, as a share of them
    swapped        (n,) bool
    foreign        (n, 2) int64: the segments, first and one past the last, of a B from another document; (0, 0): none
    labels         (n,) int32
    lengths        (n,) int64: tokens of the example, [CLS] and [SEP]s included
    """

    split: np.ndarray
    blank: np.ndarray
    swapped: np.ndarray
    foreign: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray


def needs_blank(blocks: Blocks, style: str, objective: str) -> np.ndarray:
    """(n,) bool: blocks that are (or may be) cut at a blank, and so are no example without one."""
    return blocks.single() & (style == "paper" or objective == "none")


def plan_pairs(corpus: Corpus, blocks: Blocks, max_length: int, style: str, objective: str, seed: int, epoch: int) -> Pairs:
    n, starts, longest = len(blocks), corpus.segment_starts, max_length - 3
    cut, blank, coin, document, place = generator(seed, "pair", epoch).random((n, 5)).T  # (n,) each
    single = blocks.single()
    segments = blocks.stop - blocks.first  # (n,)
    # randint(1, segments - 1); a single segment is A as a whole, or is cut at a blank
    split = blocks.first + 1 + (cut * np.maximum(segments - 1, 1)).astype(np.int64)
    foreign = np.zeros((n, 2), dtype=np.int64)
    if objective == "sop":
        is_foreign = single & (style == "google")
        swapped = ~is_foreign & (coin < 0.5)
    elif objective == "nsp":
        is_foreign = (coin < 0.5) | (single & (style == "google"))
        swapped = np.zeros(n, dtype=bool)
    else:
        is_foreign = swapped = np.zeros(n, dtype=bool)
    split = np.where(single & ~is_foreign, blocks.first, split)

    tokens = starts[blocks.stop] - starts[blocks.first]  # (n,) of A and B
    rows = np.flatnonzero(is_foreign)
    if len(rows):
        a = starts[split[rows]] - starts[blocks.first[rows]]
        foreign[rows] = _foreign(corpus, blocks, rows, blocks.target[rows] - a, document[rows], place[rows])
        tokens[rows] = a + starts[foreign[rows, 1]] - starts[foreign[rows, 0]]
    labels = (is_foreign | swapped).astype(np.int32)
    return Pairs(split, blank, swapped, foreign, labels, np.minimum(tokens, longest) + 3)


def _foreign(
    corpus: Corpus, blocks: Blocks, rows: np.ndarray, wanted: np.ndarray, document: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """(r, 2) segments of another document from a random start on, at least one, until they have the wanted tokens."""
    U, own, starts = len(blocks.units), blocks.unit[rows], corpus.segment_starts
    # Google draws a document at most ten times until it is another one: with probability U^-10 it stays the same
    same = float(U) ** -10
    other = np.minimum(((document - same) / max(1 - same, 1e-300) * (U - 1)).astype(np.int64), max(U - 2, 0))
    other = np.where(document < same, own, other + (other >= own))
    low, high = blocks.units[other].T
    first = low + (place * (high - low)).astype(np.int64)
    stop = np.searchsorted(starts, starts[first] + wanted)
    return np.stack([first, np.clip(stop, first + 1, high)], axis=1)


def make_pair(
    corpus: Corpus, blocks: Blocks, pairs: Pairs, i: int, max_length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(A, B) of block i: ids, together at most T - 3."""
    starts, tokens = corpus.segment_starts, corpus.tokens
    first, split, stop = blocks.first[i], pairs.split[i], blocks.stop[i]
    if split == first:
        both = tokens[starts[first] : starts[stop]]
        middle = _at_a_blank(both, corpus.pieces.blank_starts, pairs.blank[i])
        A, B = both[:middle], both[middle:]
    else:
        A, B = tokens[starts[first] : starts[split]], tokens[starts[split] : starts[stop]]
        low, high = pairs.foreign[i]
        if high > low:
            B = tokens[starts[low] : starts[high]]
    if pairs.swapped[i]:
        A, B = B, A
    return truncate_pair(A, B, max_length - 3, rng)


def _at_a_blank(ids: np.ndarray, blank_starts: np.ndarray, share: float) -> int:
    blanks = np.flatnonzero(blank_starts[ids[1:]]) + 1
    return int(blanks[int(share * len(blanks))])


def truncate_pair(A: np.ndarray, B: np.ndarray, longest: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Google's truncate_seq_pair: while both together are too long, the longer one (B, if they are equal) loses a
    token, at its front or at its back with probability 1/2. Which of the two loses how many is fixed by the lengths,
    and of these how many at the front is a binomial draw."""
    excess = len(A) + len(B) - longest
    if excess <= 0:
        return A, B
    a = min(len(A), max(longest - len(B), (longest + 1) // 2))  # what is left of A: the odd one stays with A
    b = longest - a
    lost_a, lost_b = len(A) - a, len(B) - b
    front_a, front_b = rng.binomial([lost_a, lost_b], 0.5).tolist()
    return A[front_a : front_a + a], B[front_b : front_b + b]
