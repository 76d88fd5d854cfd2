"""Words and their tokens, and windows over texts that are longer than the model's input."""

import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from albert_np.data.word_boundaries import find_words


class Window(NamedTuple):
    """The units start..stop-1, and those of them that belong to this window: own_start..own_stop-1."""

    start: int
    stop: int
    own_start: int
    own_stop: int


def split_words(text: str) -> list[tuple[str, int, int]]:
    """Return the words of a text that a user typed: (word, first character, one after the last).

    data/word_boundaries.py has the rules. The words are composed (NFC), like those of most files, so that a decomposed text has
    the same words; the characters are those of the text as it was typed.
    """
    return [(unicodedata.normalize("NFC", text[start:stop]), start, stop) for start, stop in find_words(text)]


class WordEncoder:
    """Returns the token ids of words; each different word is tokenised once.

    Words are composed (NFC) first: some vocabularies (WordPiece with accents) have other ids for decomposed ones. A word that the
    normaliser removes completely becomes the unknown token.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._cache: dict[str, list[int]] = {}

    def __call__(self, words: Iterable[str]) -> list[list[int]]:
        words = list(words)
        new = list(dict.fromkeys(word for word in words if word not in self._cache))
        composed = [unicodedata.normalize("NFC", word) for word in new]
        for word, ids in zip(new, self.tokenizer.encode_batch(composed, 1)):
            self._cache[word] = ids or [self.tokenizer.unk_token_id]
        return [self._cache[word] for word in words]


def sliding_windows(sizes: list[int], room: int) -> list[Window]:
    """Return windows of at most `room` tokens that overlap by half, over units (words, say) of these sizes in tokens.

    Every unit belongs to exactly one window: the one in which it is farther from the edges. A unit larger than `room` is a
    window by itself; the caller must cut it.
    """
    spans, start = [], 0
    while True:
        stop, filled = start, 0
        while stop < len(sizes) and (stop == start or filled + sizes[stop] <= room):
            filled += sizes[stop]
            stop += 1
        spans.append((start, stop))
        if stop >= len(sizes):
            break
        next_start, overlap = stop, 0
        while next_start - 1 > start and overlap + sizes[next_start - 1] <= room // 2:
            next_start -= 1
            overlap += sizes[next_start]
        start = max(start + 1, next_start)
    windows, own_start = [], 0
    for i, (start, stop) in enumerate(spans):
        own_stop = stop if i == len(spans) - 1 else (spans[i + 1][0] + stop + 1) // 2
        windows.append(Window(start, stop, own_start, own_stop))
        own_start = own_stop
    return windows
