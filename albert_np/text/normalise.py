"""ALBERT's normalisation of text before it is cut into pieces, plain and with an alignment to the original.

The steps, in this order (google-research/albert, tokenization.py, `preprocess_text`; transformers' slow AlbertTokenizer
added the second):

    remove_space         strip, and every run of white space becomes one blank
                         `` and '' become "
    not keep_accents     NFKD, then the combining marks are dropped:  café -> cafe,  ½ -> 1⁄2
    do_lower_case        lower case

`plain` is these four lines; `normalise` gives the same text and says where each of its characters came from.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

Span = tuple[int, int]

QUOTES = re.compile("``|''")
WORD = re.compile(r"\S+")  # \S and str.split agree on what is white space


@dataclass(frozen=True)
class Normalised:
    """Normalised text; character i of it came from ``original[origin[i][0] : origin[i][1]]``."""

    text: str
    origin: list[Span]

    def where(self, start: int, end: int) -> Span:
        """The slice of the original that characters start..end (at least one) came from."""
        return self.origin[start][0], self.origin[end - 1][1]


def checked(text: Any) -> str:
    """The text; ValueError if it is none, or holds half of a surrogate pair, which no encoding has."""
    if not isinstance(text, str):
        raise ValueError(f"a text must be a str, not {type(text).__name__}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the text is not Unicode: character {error.start} is {text[error.start]!r}") from None
    return text


def plain(text: str, do_lower_case: bool = True, keep_accents: bool = False, remove_space: bool = True) -> str:
    """The normalised text alone. See the module's docstring for the steps."""
    if remove_space:
        text = " ".join(text.split())
    text = text.replace("``", '"').replace("''", '"')
    if not keep_accents and not text.isascii():
        text = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    return text.lower() if do_lower_case else text


def normalise(text: str, do_lower_case: bool = True, keep_accents: bool = False, remove_space: bool = True) -> Normalised:
    """The text that `plain` gives, with the slice of the original that each character came from.

    The slices are in order, and unless nothing at all is left, every character of the original but white space at the
    ends lies in one of them: a dropped mark belongs to the character before it (after a blank, to the one that follows).
    """
    chars, origin = _squeezed(text) if remove_space else (text, _each(text))
    chars, origin = _quoted(chars, origin)
    if not keep_accents and not chars.isascii():
        chars, origin = _unaccented(chars, origin)
    if do_lower_case:
        chars, origin = _lowered(chars, origin)
    return Normalised(chars, origin)


def lower_each(text: str) -> str:
    """Lower case, one character at a time: Σ is always σ.

    `str.lower` looks at the neighbours of one letter only: a Σ that ends a word becomes ς.
    """
    return text.replace("Σ", "σ").lower()


def lower_each_aligned(text: str) -> Normalised:
    """`lower_each` with its alignment: it is longer than the text where there is an İ (i and a dot above)."""
    return Normalised(*_lowered(text.replace("Σ", "σ"), _each(text)))


def _each(text: str) -> list[Span]:
    return [(i, i + 1) for i in range(len(text))]


def _squeezed(text: str) -> tuple[str, list[Span]]:
    """Words joined by single blanks; a blank came from all the white space between the two words."""
    words: list[str] = []
    origin: list[Span] = []
    for match in WORD.finditer(text):
        if words:
            origin.append((origin[-1][1], match.start()))
        words.append(match.group())
        origin += [(i, i + 1) for i in range(*match.span())]
    return " ".join(words), origin


def _quoted(text: str, origin: list[Span]) -> tuple[str, list[Span]]:
    spans, done = [], 0
    for match in QUOTES.finditer(text):
        start, end = match.span()
        spans += origin[done:start]
        spans.append((origin[start][0], origin[end - 1][1]))
        done = end
    return QUOTES.sub('"', text), spans + origin[done:]


def _unaccented(text: str, origin: list[Span]) -> tuple[str, list[Span]]:
    """NFKD without its combining marks.

    NFKD decomposes each character by itself and then puts runs of combining marks in order. These marks are dropped, so
    their order does not matter and one character at a time is exact.
    """
    chars: list[str] = []
    spans: list[Span] = []
    waiting: int | None = None  # where marks begin that have no character before them
    for c, (start, end) in zip(text, origin):
        kept = c if c.isascii() else [d for d in unicodedata.normalize("NFKD", c) if not unicodedata.combining(d)]
        if not kept and chars and not chars[-1].isspace():
            spans[-1] = spans[-1][0], end
        elif not kept:
            waiting = start if waiting is None else waiting
        else:
            chars += kept
            spans += [(start if waiting is None else waiting, end)] * len(kept)
            waiting = None
    if waiting is not None and spans:
        spans[-1] = spans[-1][0], origin[-1][1]
    return "".join(chars), spans


def _lowered(text: str, origin: list[Span]) -> tuple[str, list[Span]]:
    """Lower case. The letters depend on their neighbours (final sigma), how many there are does not."""
    lowered = text.lower()
    if len(lowered) != len(text):
        origin = [span for c, span in zip(text, origin) for _ in c.lower()]
    return lowered, origin
