"""Words -> pieces, and texts that are longer than the model: what tagging, roles and questions share."""

import re
from typing import Any

WORD = re.compile(r"\w+(?:[.'’&-]\w+)*|[^\w\s]")  # letters and digits, with such signs inside; any other sign by itself


def split_words(text: str) -> list[tuple[str, int, int]]:
    """(word, first character, one after the last) of a text that somebody typed."""
    return [(match.group(), *match.span()) for match in WORD.finditer(text)]


class WordPieces:
    """The ids of a word's pieces, each different word cut once. A word of which nothing is left (signs that the normaliser takes
    away) is the unknown piece."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.known = tokenizer, {}  # type: ignore[var-annotated]

    def __call__(self, words: Any) -> list[list[int]]:
        fresh = list(dict.fromkeys(word for word in words if word not in self.known))
        self.known |= {
            word: ids or [self.tokenizer.unk_token_id] for word, ids in zip(fresh, self.tokenizer.encode_batch(fresh, 1))
        }
        return [self.known[word] for word in words]


def windows(sizes: list[int], room: int) -> list[tuple[int, int, int, int]]:
    """Units of these sizes (words, in pieces) -> windows of at most `room` pieces that overlap by half.

    Each is (first, stop, own first, own stop): the units in it, and those of them that are its own. Every unit is some window's
    own, and no other's: that in which it is farther from the edges. The caller cuts a unit that is larger than `room`.
    """
    spans, first = [], 0
    while True:
        stop, filled = first, 0
        while stop < len(sizes) and (stop == first or filled + sizes[stop] <= room):
            filled += sizes[stop]
            stop += 1
        spans.append((first, stop))
        if stop >= len(sizes):
            break
        back, half = stop, 0
        while back - 1 > first and half + sizes[back - 1] <= room // 2:
            back -= 1
            half += sizes[back]
        first = max(first + 1, back)
    owned, own = [], 0
    for i, (first, stop) in enumerate(spans):
        until = stop if i == len(spans) - 1 else (spans[i + 1][0] + stop + 1) // 2
        owned.append((first, stop, own, until))
        own = until
    return owned
