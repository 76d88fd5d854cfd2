"""ALBERT's normalisation of text before it is cut into pieces, with or without an alignment to the original.

The steps, in this order (google-research/albert, tokenization.py, `preprocess_text`; transformers' slow AlbertTokenizer
added the second):

    remove_space         strip, and every run of white space becomes one space
                         `` and '' become "
    not keep_accents     NFKD, then the combining marks are dropped:  café -> cafe,  ½ -> 1⁄2
    do_lower_case        lower case

`normalise_text` is these four lines; `normalise` returns the same text and the origin of each of its characters.
"""

import re
import unicodedata
from dataclasses import dataclass

Span = tuple[int, int]

QUOTES = re.compile("``|''")
WORD = re.compile(r"\S+")  # \S and str.split agree on white space


@dataclass(frozen=True)
class Normalised:
    """Normalised text; character i of it came from ``original[origin[i][0] : origin[i][1]]``."""

    text: str
    origin: list[Span]

    def find_origin(self, start: int, end: int) -> Span:
        """Return the slice of the original that characters start..end (at least one) came from."""
        return self.origin[start][0], self.origin[end - 1][1]


def check_text(text: object) -> str:
    """Return the text. ValueError if it is not a str, or holds half of a surrogate pair, which cannot be encoded."""
    if not isinstance(text, str):
        raise ValueError(f"a text must be a str, not {type(text).__name__}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the text is not Unicode: character {error.start} is {text[error.start]!r}") from None
    return text


def normalise_text(text: str, do_lower_case: bool = True, keep_accents: bool = False, remove_space: bool = True) -> str:
    """Return the normalised text. The steps are in the module's docstring."""
    if remove_space:
        text = " ".join(text.split())
    text = text.replace("``", '"').replace("''", '"')
    if not keep_accents and not text.isascii():
        text = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    return text.lower() if do_lower_case else text


def find_marks(character: str) -> str:
    """Return the combining marks that are dropped from a character if accents are not kept; "" if there are none."""
    if character.isascii():
        return ""
    return "".join([c for c in unicodedata.normalize("NFKD", character) if unicodedata.combining(c)])


def normalise(text: str, do_lower_case: bool = True, keep_accents: bool = False, remove_space: bool = True) -> Normalised:
    """Return the text of `normalise_text`, with the slice of the original that each character came from.

    The slices are in order, and unless the result is empty, every character of the original except white space at the ends
    lies in one of them: a dropped mark belongs to the character before it. At the beginning and after a space it belongs to the
    one that follows, which may be another space; with none that follows, to the space before it.
    """
    chars, origin = _remove_space(text) if remove_space else (text, _identity(text))
    chars, origin = _replace_quotes(chars, origin)
    if not keep_accents and not chars.isascii():
        chars, origin = _remove_accents(chars, origin)
    if do_lower_case:
        chars, origin = _lower(chars, origin)
    return Normalised(chars, origin)


def lower_each(text: str) -> str:
    """Return the text in lower case, one character at a time: Σ is always σ.

    `str.lower` considers the neighbours of this letter alone: at the end of a word Σ becomes ς.
    """
    return text.replace("Σ", "σ").lower()


def lower_each_aligned(text: str) -> Normalised:
    """Return `lower_each` with its alignment: it is longer than the text if there is an İ (i and a dot above)."""
    return Normalised(*_lower(text.replace("Σ", "σ"), _identity(text)))


def _identity(text: str) -> list[Span]:
    return [(i, i + 1) for i in range(len(text))]


def _remove_space(text: str) -> tuple[str, list[Span]]:
    """Join words by single spaces; the origin of a space is all the white space between the two words."""
    words: list[str] = []
    origin: list[Span] = []
    for match in WORD.finditer(text):
        if words:
            origin.append((origin[-1][1], match.start()))
        words.append(match.group())
        origin += [(i, i + 1) for i in range(*match.span())]
    return " ".join(words), origin


def _replace_quotes(text: str, origin: list[Span]) -> tuple[str, list[Span]]:
    spans, done = [], 0
    for match in QUOTES.finditer(text):
        start, end = match.span()
        spans += origin[done:start]
        spans.append((origin[start][0], origin[end - 1][1]))
        done = end
    return QUOTES.sub('"', text), spans + origin[done:]


def _remove_accents(text: str, origin: list[Span]) -> tuple[str, list[Span]]:
    """Apply NFKD and drop the combining marks.

    NFKD decomposes each character by itself and then orders runs of combining marks. These are dropped, so their order does not
    matter, and one character at a time is exact.
    """
    chars: list[str] = []
    spans: list[Span] = []
    pending: int | None = None  # where marks begin that have no character before them
    for c, (start, end) in zip(text, origin):
        base = c if c.isascii() else [d for d in unicodedata.normalize("NFKD", c) if not unicodedata.combining(d)]
        if not base and chars and not chars[-1].isspace():
            spans[-1] = spans[-1][0], end
        elif not base:
            pending = start if pending is None else pending
        else:
            chars += base
            spans += [(start if pending is None else pending, end)] * len(base)
            pending = None
    if pending is not None and spans:
        spans[-1] = spans[-1][0], origin[-1][1]
    return "".join(chars), spans


def _lower(text: str, origin: list[Span]) -> tuple[str, list[Span]]:
    """Lower the case. Which letters result depends on their neighbours (final sigma), but their number does not."""
    lowered = text.lower()
    if len(lowered) != len(text):
        origin = [span for c, span in zip(text, origin) for _ in c.lower()]
    return lowered, origin
