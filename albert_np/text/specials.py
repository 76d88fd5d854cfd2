"""Cutting the special tokens out of a text before SentencePiece sees it, which never finds them in text by itself.

As transformers' slow AlbertTokenizer does it: what stands around them is lower-cased, one character at a time, and the
result is cut at them (so <PAD> is found too). [MASK] stands for a word: it swallows the white space before it.
"""

import re
from collections.abc import Iterator

from albert_np.text.normalise import lower_each

CLS, SEP, UNK, PAD, MASK = "[CLS]", "[SEP]", "<unk>", "<pad>", "[MASK]"
SPECIALS = (CLS, SEP, UNK, PAD, MASK)
PATTERN = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")


def may_hold(text: str) -> bool:
    """A quick test for special tokens that few other texts pass."""
    return "]" in text or ">" in text


def lower_around(text: str) -> str:
    """The text in lower case, but for the special tokens in it."""
    parts = PATTERN.split(text)  # every second part is a special token
    parts[::2] = map(lower_each, parts[::2])
    return "".join(parts)


def parts(text: str) -> Iterator[tuple[str, int, int]]:
    """(part, start, end): the special tokens in the text and what stands between them."""
    done = 0
    for match in PATTERN.finditer(text):
        start, end = match.span()
        before = text[done:start]
        if match.group() == MASK:
            before = before.rstrip()
            start = done + len(before)
        if before:
            yield before, done, done + len(before)
        yield match.group(), start, end
        done = end
    if done < len(text):
        yield text[done:], done, len(text)
