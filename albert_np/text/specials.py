"""Splitting a text at its special tokens before SentencePiece encodes it, since the library does not recognise them in text.

The order is that of transformers' slow AlbertTokenizer: the text around special tokens is lower-cased, one character at a time,
and the result is split at them (so <PAD> is found too). [MASK] stands for a word: it includes the white space before it.
"""

import re
from collections.abc import Iterable, Iterator

from albert_np.text.normalise import lower_each

CLS, SEP, UNK, PAD, MASK = "[CLS]", "[SEP]", "<unk>", "<pad>", "[MASK]"
SPECIALS = (CLS, SEP, UNK, PAD, MASK)
PATTERN = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")


def may_contain_specials(text: str) -> bool:
    """Return False for most texts without special tokens; a quick test."""
    return "]" in text or ">" in text


def make_pattern(added: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of the special tokens and of others, of which the longest that fits counts."""
    return re.compile("(" + "|".join(map(re.escape, sorted([*SPECIALS, *added], key=len, reverse=True))) + ")")


def lower_around_specials(text: str, pattern: re.Pattern[str] = PATTERN) -> str:
    """Return the text in lower case, except its special tokens."""
    parts = pattern.split(text)  # every second part is a special token
    parts[::2] = map(lower_each, parts[::2])
    return "".join(parts)


def split_at_specials(text: str, pattern: re.Pattern[str] = PATTERN) -> Iterator[tuple[str, int, int]]:
    """Yield (part, start, end): the special tokens of the text and the parts between them."""
    done = 0
    for match in pattern.finditer(text):
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
