"""Sentences -> masked sentence pairs, packed end to end: small batches, drawn anew in each step."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.random import generator

MASKED = 0.25  # more than the usual 15 %: a short run learns more from each row
REPLACED, RANDOM = 0.8, 0.1  # of the masked tokens become [MASK], and another piece; the others stay (Devlin et al. 2018)


class Rows:
    """Rows [CLS] a [SEP] b [SEP] of at most T tokens: b follows a in the text, or they are swapped.

    sentences      ids of each sentence, none longer than (T - 3) / 2, in the order of the text
    special        the ids of [CLS], [SEP] and [MASK]
    first_piece    the ids below it are special, and are neither masked nor drawn
    """

    def __init__(self, sentences: Sequence[Sequence[int]], T: int, V: int, special: tuple[int, int, int], first_piece: int):
        self.sentences, self.T, self.V, self.first_piece = sentences, T, V, first_piece
        self.cls, self.sep, self.mask = special

    def draw_pair(self, rng: np.random.Generator) -> tuple[list[int], int, bool]:
        """Return (ids, the length of [CLS] a [SEP], whether a and b are swapped) of a random place in the text."""
        first = int(rng.integers(len(self.sentences) - 1))
        stop, room = first, self.T - 3
        while stop < len(self.sentences) and len(self.sentences[stop]) <= room:
            room -= len(self.sentences[stop])
            stop += 1
        middle = int(rng.integers(first + 1, stop))
        a, b = (list(itertools.chain(*self.sentences[i:j])) for i, j in ((first, middle), (middle, stop)))
        swapped = bool(rng.integers(2))
        if swapped:
            a, b = b, a
        return [self.cls, *a, self.sep, *b, self.sep], len(a) + 2, swapped

    def draw(self, B: int, seed: int, step: int) -> Batch:
        """Return a batch of B pairs, a function of the arguments."""
        rng = generator(seed, "live rows", step)
        pairs = [self.draw_pair(rng) for _ in range(B)]
        labels = np.array([i for ids, _, _ in pairs for i in ids], np.intp)  # (N,)
        lengths = np.array([len(ids) for ids, _, _ in pairs])  # (B,)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)  # (N,)
        positions = np.arange(len(labels)) - starts  # (N,)
        types = positions >= np.repeat([length for _, length, _ in pairs], lengths)  # (N,)
        masked = np.flatnonzero((rng.random(len(labels)) < MASKED) & (labels >= self.first_piece))  # (M,)
        fate, other = rng.random(len(masked)), rng.integers(self.first_piece, self.V, size=len(masked))  # (M,) each
        inputs = labels.copy()
        inputs[masked] = np.where(fate < REPLACED, self.mask, np.where(fate < REPLACED + RANDOM, other, labels[masked]))
        return Batch.pack(
            inputs, lengths, types.astype(np.intp), positions, examples=step * B + np.arange(B), masked_rows=masked,
            masked_labels=labels[masked], order_labels=np.array([swapped for _, _, swapped in pairs], np.intp),
        )  # fmt: skip

    def batches(self, B: int, seed: int) -> Iterator[Batch]:
        """Yield endless batches of B pairs, the same for the same seed."""
        for step in itertools.count():
            yield self.draw(B, seed, step)
