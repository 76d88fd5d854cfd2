"""Blocks -> pairs (A, B), with a label that says whether they are in order.

`objective`
  "sop"   the block's segments are cut in two at random; with probability 1/2 the halves change places: label 1.
  "nsp"   with probability 1/2 B comes from another document: label 1. Google then puts the unused segments back into the
          document; here blocks are cut once (every example exactly once per epoch), so they are left out of this epoch.
  "none"  A and B in order, without a label (the paper's ablation, section 4.6: same input, no sentence loss).

`style`, if a block is one segment, so that there are no two halves (mostly a document's tail)
  "google"  B is text of another document, and the label is 1, although nothing was swapped (google-research/albert#234).
            If there is only one document, the "other" one is itself. Labels are more often 1 than 0.
  "paper"   the segment is cut at one of its spaces, each with the same probability. "sop" never takes text from another
            document. A segment of a single word gives no example.
With "none" there is no label that a B from elsewhere could explain, so both styles cut the segment.

The sampler needs the examples' lengths, and these depend on which B is drawn. So `plan_pairs` draws everything that decides
them for a whole epoch at once; row i of the draws depends on (seed, epoch, i) alone. `make_pair` then builds one example.
"""

from dataclasses import dataclass

import numpy as np

from albert_np.core.random import generator
from albert_np.data.blocks import Blocks
from albert_np.data.corpus import Corpus

STYLES = ("paper", "google")
OBJECTIVES = ("sop", "nsp", "none")


@dataclass(frozen=True)
class Pairs:
    """The pairs of one epoch, one per block (n of them); none depends on another block.

    split     (n,) int64: A is the segments first ... split - 1; split = first: the only segment is cut at a space
    space     (n,) float: at which of its spaces, as a fraction of their number
    swapped   (n,) bool: B comes first
    foreign   (n, 2) int64: the segments, first and one past the last, of a B from another document; (0, 0): none
    labels    (n,) int32
    lengths   (n,) int64: tokens of the example, [CLS] and [SEP]s included
    """

    split: np.ndarray
    space: np.ndarray
    swapped: np.ndarray
    foreign: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray


def needs_space(blocks: Blocks, style: str, objective: str) -> np.ndarray:
    """Return (n,) bool: blocks that are (or may be) cut at a space, and so give no example without one."""
    return blocks.is_single() & (style == "paper" or objective == "none")


def plan_pairs(corpus: Corpus, blocks: Blocks, max_length: int, style: str, objective: str, seed: int, epoch: int) -> Pairs:
    """Draw one epoch's pairs for all n blocks at once; each column of the draws decides one thing."""
    starts = corpus.segment_starts
    cut, space, coin, document, position = generator(seed, "pair", epoch).random((len(blocks), 5)).T  # (n,) each
    single, heads = blocks.is_single(), coin < 0.5

    # Does B come from another document? Is the pair swapped?
    is_foreign = swapped = np.zeros(len(blocks), dtype=bool)
    if objective != "none":
        is_foreign = single & (style == "google")
        if objective == "nsp":
            is_foreign = is_foreign | heads
        else:
            swapped = ~is_foreign & heads

    # Where does A end? After 1 ... k - 1 of k segments. A single segment is all of A if B is foreign, else it is cut.
    segments = blocks.stop - blocks.first
    split = blocks.first + 1 + (cut * np.maximum(segments - 1, 1)).astype(np.int64)
    split = np.where(single & ~is_foreign, blocks.first, split)

    # How long is the example? As long as its block, or as A with the foreign B.
    tokens = starts[blocks.stop] - starts[blocks.first]
    foreign = np.zeros((len(blocks), 2), dtype=np.int64)
    rows = np.flatnonzero(is_foreign)
    if len(rows):
        tokens_a = starts[split[rows]] - starts[blocks.first[rows]]
        low, high = _choose_foreign(corpus, blocks, rows, blocks.target[rows] - tokens_a, document[rows], position[rows])
        foreign[rows, 0], foreign[rows, 1] = low, high
        tokens[rows] = tokens_a + starts[high] - starts[low]

    labels = (is_foreign | swapped).astype(np.int32)
    return Pairs(split, space, swapped, foreign, labels, np.minimum(tokens, max_length - 3) + 3)


def _choose_foreign(
    corpus: Corpus, blocks: Blocks, rows: np.ndarray, wanted: np.ndarray, document: np.ndarray, position: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose a B from another unit for each of r blocks: from a random segment on, at least one, until it has enough tokens.

    rows (r,) the blocks; wanted (r,) tokens; document, position (r,) uniform draws that decide the unit and the first segment.
    Returns the first segment and one past the last, (r,) each.
    """
    U, own, starts = len(blocks.units), blocks.unit[rows], corpus.segment_starts
    # Google draws a unit up to ten times until it is another one, so with probability U^-10 it is the block's own. One draw
    # stands for all ten: below `same` it means the own unit, and the rest of [0, 1) is divided evenly among the U - 1 others.
    same = float(U) ** -10
    other = np.minimum(((document - same) / max(1 - same, 1e-300) * (U - 1)).astype(np.int64), max(U - 2, 0))
    unit = np.where(document < same, own, other + (other >= own))
    low, high = blocks.units[unit].T
    first = low + (position * (high - low)).astype(np.int64)
    stop = np.searchsorted(starts, starts[first] + wanted)
    return first, np.clip(stop, first + 1, high)


def make_pair(
    corpus: Corpus, blocks: Blocks, pairs: Pairs, i: int, max_length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (A, B) of block i: ids, together at most T - 3."""
    first, split, stop = blocks.first[i], pairs.split[i], blocks.stop[i]
    low, high = pairs.foreign[i]
    if split == first:
        A, B = _cut_at_space(corpus.segment_ids(first, stop), corpus.vocabulary.space_starts, pairs.space[i])
    elif high > low:
        A, B = corpus.segment_ids(first, split), corpus.segment_ids(low, high)
    else:
        A, B = corpus.segment_ids(first, split), corpus.segment_ids(split, stop)
    if pairs.swapped[i]:
        A, B = B, A
    return truncate_pair(A, B, max_length - 3, rng)


def _cut_at_space(ids: np.ndarray, space_starts: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    spaces = np.flatnonzero(space_starts[ids[1:]]) + 1
    middle = int(spaces[int(fraction * len(spaces))])
    return ids[:middle], ids[middle:]


def truncate_pair(A: np.ndarray, B: np.ndarray, longest: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Shorten a pair to `longest` tokens like Google's truncate_seq_pair.

    While both together are too long, the longer one (B, if they are equal) loses a token, at its front or at its back with
    probability 1/2. The lengths alone decide which of the two loses how many tokens, and how many of these are lost at the
    front is a binomial draw: no loop is needed.
    """
    if len(A) + len(B) <= longest:
        return A, B
    length_a = min(len(A), max(longest - len(B), (longest + 1) // 2))  # if both are cut, A keeps the odd token
    length_b = longest - length_a
    front_a, front_b = rng.binomial([len(A) - length_a, len(B) - length_b], 0.5).tolist()
    return A[front_a : front_a + length_a], B[front_b : front_b + length_b]
