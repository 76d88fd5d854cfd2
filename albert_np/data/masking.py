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

from collections.abc import Sequence
from functools import cached_property
from itertools import islice
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
        return self.mask_all([ids], [rng])[0]

    def mask_all(
        self, rows: Sequence[np.ndarray], rngs: Sequence[np.random.Generator]
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Mask several sequences, each with the draws of its own generator. All that is not drawn is computed for all at once."""
        google = self.style == "google"
        words = [google_words(ids, self.vocabulary) for ids in rows] if google else segment_words(rows, self.vocabulary)
        orders = [rng.permutation(len(each.room)).tolist() for each, rng in zip(words, rngs)]
        drawn = np.concatenate([rng.random(len(order)) for order, rng in zip(orders, rngs)])
        lengths = iter((np.searchsorted(self._thresholds, drawn, side="right") + 1).tolist())
        choose = choose_google if google else choose_paper
        ngrams = [
            sorted(choose(each, order, list(islice(lengths, len(order))), self.budget(len(ids))))
            for each, order, ids in zip(words, orders, rows)
        ]
        positions = [
            np.array([t for start, stop in of_one for t in range(start, stop)], np.intp) for of_one in ngrams
        ]  # (M,) each
        if google:
            positions = [each.positions[own] for each, own in zip(words, positions)]  # type: ignore[index]
        return self._replace(rows, positions, ngrams, rngs)

    def _replace(
        self,
        rows: Sequence[np.ndarray],
        positions: list[np.ndarray],
        ngrams: list[list[tuple[int, int]]],
        rngs: Sequence[np.random.Generator],
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Replace 80 % by [MASK], leave 10 %, replace 10 % by random tokens -> as `mask_all`"""
        google, V = self.style == "google", self.vocabulary.size if self.style == "google" else len(self._ordinary_ids)
        fates, others = [], []  # one draw per token, or per n-gram
        for own, of_one, rng in zip(positions, ngrams, rngs):
            fates.append(rng.random(len(own) if google else len(of_one)))
            others.append(rng.integers(0, V, len(own)))
        fate, other = np.concatenate(fates), np.concatenate(others)
        if not google:
            fate = np.repeat(fate, [stop - start for of_one in ngrams for start, stop in of_one])
            other = self._ordinary_ids[other]
        T, M = [len(ids) for ids in rows], [len(own) for own in positions]
        first = np.cumsum([0, *T])  # of each sequence among all tokens
        masked = np.concatenate(rows)
        at = np.concatenate(positions) + np.repeat(first[:-1], M)
        labels = masked[at]
        masked[at] = np.where(fate < 0.8, self.vocabulary.mask, np.where(fate < 0.9, labels, other))
        tokens, targets = first.tolist(), np.cumsum([0, *M]).tolist()
        return [(masked[tokens[i] : tokens[i + 1]], positions[i], labels[targets[i] : targets[i + 1]]) for i in range(len(rows))]


def google_words(ids: np.ndarray, vocabulary: Vocabulary) -> Words:
    """Find words as Google does: [CLS] and [SEP] are skipped; a token that starts no word joins the one before it."""
    positions = np.flatnonzero((ids != vocabulary.cls) & (ids != vocabulary.sep))
    starts = vocabulary.word_starts[ids[positions]]
    starts[:1] = True
    offsets = np.flatnonzero(starts).tolist()
    W = len(offsets)
    return Words(positions, offsets + [len(positions)], list(range(W, 0, -1)))


def segment_words(rows: Sequence[np.ndarray], vocabulary: Vocabulary) -> list[Words]:
    """Find the words of each of several sequences. They end at [CLS] and [SEP].

    A word with a special token has no room, and ends the room of those before.
    """
    ids, T = np.concatenate(rows), np.array([len(each) for each in rows])
    first = T.cumsum() - T  # of each sequence among all tokens
    edge = (ids == vocabulary.cls) | (ids == vocabulary.sep)
    starts = vocabulary.word_starts[ids] | edge
    starts[1:] |= edge[:-1]
    starts[first] = True
    offsets = np.flatnonzero(starts)
    last = np.searchsorted(offsets, first + T)  # one past the last word of each sequence
    counts = np.diff(last, prepend=0)  # words of each
    barred = np.append(np.flatnonzero(np.logical_or.reduceat(vocabulary.special[ids], offsets)), len(offsets))
    k = np.arange(len(offsets))
    room = (np.minimum(barred[np.searchsorted(barred, k)], np.repeat(last, counts)) - k).tolist()
    own = (offsets - np.repeat(first, counts)).tolist()
    return [
        Words(None, [*own[stop - count : stop], length], room[stop - count : stop])
        for stop, count, length in zip(last.tolist(), counts.tolist(), T.tolist())
    ]


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
