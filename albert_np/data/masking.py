"""n-gram masking of whole words: p(n) = (1/n) / sum of 1/k, n = 1 ... max_ngram (ALBERT, section 4.1; SpanBERT's idea).

The budget of an example of T tokens ([CLS] and [SEP]s counted) is ``round(T * masked_lm_prob)``, at least 1, at most
`max_predictions`; Python's round, half to even.

`style`
  "google"  create_masked_lm_predictions as it is. The starts of words are visited in random order. At each an n is drawn;
            an n-gram that exceeds the budget is shortened, one that overlaps an earlier one is dropped, one at the
            end of the text is simply shorter. Each *token* becomes [MASK] (80 %), stays (10 %) or becomes any of the V
            tokens (10 %). A token that does not start a word belongs to the word before it, even across a [SEP], and an
            n-gram may cross one too.
  "paper"   n-grams are complete words of one segment, without special tokens. A drawn n is used at the first visited word
            where it fits (so that overlaps do not make long n-grams rarer), and shortened only where the budget ends; the
            rest of the budget is filled with single words. An *n-gram* as a whole becomes [MASK]s, stays, or becomes
            random tokens, never special ones.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from albert_np.data.vocabulary import Vocabulary


class Words(NamedTuple):
    """The words of one example. Word k is the tokens positions[offsets[k]] ... positions[offsets[k + 1] - 1]; an n-gram
    that begins with it has at most room[k] words (0: it may not be masked)."""

    positions: np.ndarray | None  # None: 0, 1, 2, ...
    offsets: list[int]
    room: list[int]


class Masker:
    """Draws masks. `mask` is a pure function of (ids, rng): the object holds settings only.

    vocabulary        special ids and starts of words
    max_predictions   most masked tokens of an example
    style             "paper" or "google", see the module
    max_ngram         longest n-gram, in words
    masked_lm_prob    share of the tokens to predict
    favor_shorter     False reverses the probabilities p(n)

    ValueError for settings out of range.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
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
        self.vocabulary, self.style = vocabulary, style
        self.max_predictions, self.masked_lm_prob = max_predictions, masked_lm_prob
        weights = 1 / np.arange(1, max_ngram + 1)
        self.p = weights / weights.sum()  # (max_ngram,) p(1), p(2), ...
        if not favor_shorter:
            self.p = self.p[::-1]
        self._thresholds = np.cumsum(self.p)[:-1]

    @cached_property
    def _ordinary_ids(self) -> np.ndarray:
        return np.flatnonzero(~self.vocabulary.special)

    def budget(self, T: int) -> int:
        """Return how many of T tokens are to be predicted."""
        return min(self.max_predictions, max(1, round(T * self.masked_lm_prob)))

    def mask(self, ids: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mask ids (T,) with [CLS] and [SEP]s -> (masked ids (T,), masked positions (M,) increasing, labels (M,))."""
        google = self.style == "google"
        words = google_words(ids, self.vocabulary) if google else segment_words(ids, self.vocabulary)
        W = len(words.room)
        order = rng.permutation(W).tolist()
        lengths = (np.searchsorted(self._thresholds, rng.random(W), side="right") + 1).tolist()
        choose = choose_google if google else choose_paper
        ngrams = sorted(choose(words, order, lengths, self.budget(len(ids))))
        positions = np.array([t for start, stop in ngrams for t in range(start, stop)], dtype=np.intp)  # (M,)
        if words.positions is not None:
            positions = words.positions[positions]
        labels = ids[positions]
        return self._replace(ids, positions, labels, ngrams, rng), positions, labels

    def _replace(
        self,
        ids: np.ndarray,
        positions: np.ndarray,
        labels: np.ndarray,
        ngrams: list[tuple[int, int]],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Replace 80 % by [MASK], leave 10 %, replace 10 % by random tokens."""
        M = len(positions)
        if self.style == "google":
            fate = rng.random(M)  # one draw per token
            others = rng.integers(0, self.vocabulary.size, M)
        else:
            fate = np.repeat(rng.random(len(ngrams)), [stop - start for start, stop in ngrams])  # one draw per n-gram
            others = self._ordinary_ids[rng.integers(0, len(self._ordinary_ids), M)]
        masked = ids.copy()
        masked[positions] = np.where(fate < 0.8, self.vocabulary.mask, np.where(fate < 0.9, labels, others))
        return masked


def google_words(ids: np.ndarray, vocabulary: Vocabulary) -> Words:
    """Find words as Google does: [CLS] and [SEP] are skipped; a token that starts no word joins the one before it."""
    positions = np.flatnonzero((ids != vocabulary.cls) & (ids != vocabulary.sep))
    starts = vocabulary.word_starts[ids[positions]]
    starts[:1] = True
    offsets = np.flatnonzero(starts).tolist()
    W = len(offsets)
    return Words(positions, offsets + [len(positions)], list(range(W, 0, -1)))


def segment_words(ids: np.ndarray, vocabulary: Vocabulary) -> Words:
    """Find words that end at [CLS] and [SEP]. A word with a special token has no room, and ends the room of those before."""
    edge = (ids == vocabulary.cls) | (ids == vocabulary.sep)
    starts = vocabulary.word_starts[ids] | edge
    starts[1:] |= edge[:-1]
    starts[0] = True
    offsets = np.flatnonzero(starts)
    barred = np.append(np.flatnonzero(np.logical_or.reduceat(vocabulary.special[ids], offsets)), len(offsets))
    k = np.arange(len(offsets))
    room = barred[np.searchsorted(barred, k)] - k
    return Words(None, offsets.tolist() + [len(ids)], room.tolist())


def choose_google(words: Words, order: list[int], lengths: list[int], budget: int) -> list[tuple[int, int]]:
    """Choose n-grams in style "google": (start, stop) as indices into words.positions.

    order     the words in the order in which they are visited
    lengths   the n that was drawn for each visit
    budget    most tokens to choose
    """
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
    """Choose n-grams in style "paper"; arguments and result as in `choose_google`."""
    offsets, room = words.offsets, words.room
    covered = bytearray(len(room))
    chosen, left = [], budget
    drawn = iter(lengths)
    n = next(drawn, 1)
    for k in order:
        if left <= 0:
            break
        if n > room[k] or any(covered[k : k + n]):
            continue  # keep n for a later word where it fits
        fitting = n
        while fitting and offsets[k + fitting] - offsets[k] > left:
            fitting -= 1
        if fitting:
            covered[k : k + fitting] = b"\1" * fitting
            chosen.append((offsets[k], offsets[k + fitting]))
            left -= offsets[k + fitting] - offsets[k]
            n = next(drawn, 1)
    for k in order:
        if left <= 0:
            break
        size = offsets[k + 1] - offsets[k]
        if room[k] and not covered[k] and size <= left:
            chosen.append((offsets[k], offsets[k + 1]))
            left -= size
    return chosen
