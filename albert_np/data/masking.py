"""n-gram masking of whole words: p(n) = (1/n) / sum of 1/k, n = 1 ... max_ngram (ALBERT, section 4.1; SpanBERT's idea).

The budget of an example of T tokens ([CLS] and [SEP]s counted) is ``round(T * masked_lm_prob)``, at least 1, at most
`max_predictions`; Python's round, half to even.

`style`
  "google"  create_masked_lm_predictions as it is. The starts of words are visited in random order. At each an n is drawn;
            an n-gram that exceeds the budget is shortened, one that overlaps an earlier one is dropped, one at the
            end of the text is just shorter. Each *piece* becomes [MASK] (80 %), stays (10 %) or becomes any of the V
            pieces (10 %). A piece that does not start a word belongs to the word before it, even across a [SEP], and an
            n-gram may run across one too.
  "paper"   n-grams are complete words of one segment, without special pieces. A drawn n is kept until it finds a place
            (so that overlaps do not make long n-grams rarer), and shortened only where the budget ends; what is then
            left of the budget is filled with single words. An *n-gram* as a whole becomes [MASK]s, stays, or becomes
            random pieces, never special ones.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from albert_np.data.pieces import Pieces


class Words(NamedTuple):
    """The words of one example. Word k is the tokens places[offsets[k]] ... places[offsets[k + 1] - 1]; an n-gram
    from it has at most room[k] words (0: it may not be masked)."""

    places: np.ndarray | None  # None: the token's own number
    offsets: list[int]
    room: list[int]


class Masker:
    """Draws masks. A pure function of (ids, rng): the object holds settings only."""

    def __init__(
        self,
        pieces: Pieces,
        max_predictions: int,
        style: str = "paper",
        max_ngram: int = 3,
        masked_lm_prob: float = 0.15,
        favor_shorter: bool = True,
    ) -> None:
        if max_ngram < 1:
            raise ValueError(f"max_ngram must be at least 1, not {max_ngram}")
        if not 0 < masked_lm_prob < 1:
            raise ValueError(f"masked_lm_prob must be between 0 and 1, not {masked_lm_prob}")
        if max_predictions < 1:
            raise ValueError(f"max_predictions must be at least 1, not {max_predictions}")
        self.pieces, self.style = pieces, style
        self.max_predictions, self.masked_lm_prob = max_predictions, masked_lm_prob
        weights = 1 / np.arange(1, max_ngram + 1)
        self.p = weights / weights.sum()  # (max_ngram,) p(1), p(2), ...
        if not favor_shorter:
            self.p = self.p[::-1]
        self._up_to = np.cumsum(self.p)[:-1]

    @cached_property
    def _ordinary(self) -> np.ndarray:
        return np.flatnonzero(~self.pieces.special)

    def budget(self, T: int) -> int:
        """How many tokens of T are to be predicted."""
        return min(self.max_predictions, max(1, round(T * self.masked_lm_prob)))

    def mask(self, ids: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ids (T,) with [CLS] and [SEP]s -> (ids as the model sees them (T,), places (M,) increasing, labels (M,))."""
        google = self.style == "google"
        words = google_words(ids, self.pieces) if google else segment_words(ids, self.pieces)
        W = len(words.room)
        order = rng.permutation(W).tolist()
        lengths = (np.searchsorted(self._up_to, rng.random(W), side="right") + 1).tolist()
        choose = choose_google if google else choose_paper
        ngrams = sorted(choose(words, order, lengths, self.budget(len(ids))))
        places = np.array([t for start, stop in ngrams for t in range(start, stop)], dtype=np.int64)  # (M,)
        if words.places is not None:
            places = words.places[places]
        labels = ids[places]
        return self._replace(ids, places, labels, ngrams, rng), places, labels

    def _replace(
        self,
        ids: np.ndarray,
        places: np.ndarray,
        labels: np.ndarray,
        ngrams: list[tuple[int, int]],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """80 % [MASK], 10 % as it was, 10 % another piece."""
        M = len(places)
        if self.style == "google":
            fate = rng.random(M)  # a piece
            others = rng.integers(0, self.pieces.size, M)
        else:
            fate = np.repeat(rng.random(len(ngrams)), [stop - start for start, stop in ngrams])  # an n-gram
            others = self._ordinary[rng.integers(0, len(self._ordinary), M)]
        seen = ids.copy()
        seen[places] = np.where(fate < 0.8, self.pieces.mask, np.where(fate < 0.9, labels, others))
        return seen


def google_words(ids: np.ndarray, pieces: Pieces) -> Words:
    """[CLS] and [SEP] are passed over; a piece that starts no word joins the one before it."""
    places = np.flatnonzero((ids != pieces.cls) & (ids != pieces.sep))
    starts = pieces.word_starts[ids[places]]
    starts[:1] = True
    offsets = np.flatnonzero(starts).tolist()
    W = len(offsets)
    return Words(places, offsets + [len(places)], list(range(W, 0, -1)))


def segment_words(ids: np.ndarray, pieces: Pieces) -> Words:
    """Words end at a [CLS] or [SEP]; those that hold a special piece have no room, and end the room of those before."""
    edge = (ids == pieces.cls) | (ids == pieces.sep)
    starts = pieces.word_starts[ids] | edge
    starts[1:] |= edge[:-1]
    starts[0] = True
    offsets = np.flatnonzero(starts)
    barred = np.append(np.flatnonzero(np.logical_or.reduceat(pieces.special[ids], offsets)), len(offsets))
    k = np.arange(len(offsets))
    room = barred[np.searchsorted(barred, k)] - k
    return Words(None, offsets.tolist() + [len(ids)], room.tolist())


def choose_google(words: Words, order: list[int], lengths: list[int], budget: int) -> list[tuple[int, int]]:
    """n-grams as (start, stop) in the numbering of words.places."""
    offsets, room = words.offsets, words.room
    covered = bytearray(len(room))
    chosen, left = [], budget
    for k, n in zip(order, lengths):
        if left <= 0:
            break
        n = min(n, room[k])
        start = offsets[k]
        while n and offsets[k + n] - start > left:
            n -= 1
        if n and not any(covered[k : k + n]):
            covered[k : k + n] = b"\1" * n
            chosen.append((start, offsets[k + n]))
            left -= offsets[k + n] - start
    return chosen


def choose_paper(words: Words, order: list[int], lengths: list[int], budget: int) -> list[tuple[int, int]]:
    offsets, room = words.offsets, words.room
    covered = bytearray(len(room))
    chosen, left = [], budget
    drawn = iter(lengths)
    n = next(drawn, 1)
    for k in order:
        if left <= 0:
            break
        if n > room[k] or any(covered[k : k + n]):
            continue  # n waits for a place that has room for it
        fits = n
        while fits and offsets[k + fits] - offsets[k] > left:
            fits -= 1
        if fits:
            covered[k : k + fits] = b"\1" * fits
            chosen.append((offsets[k], offsets[k + fits]))
            left -= offsets[k + fits] - offsets[k]
            n = next(drawn, 1)
    for k in order:
        if left <= 0:
            break
        size = offsets[k + 1] - offsets[k]
        if room[k] and not covered[k] and size <= left:
            chosen.append((offsets[k], offsets[k + 1]))
            left -= size
    return chosen
