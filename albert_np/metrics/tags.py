"""Spans of tags, counted as conlleval does (Tjong Kim Sang & Buchholz 2000, the scorer of the CoNLL shared tasks).

A tag is O, or B-, I-, E- or S- with a type. Where a span begins and ends is read generously: an I- after O, or after another
type, begins a span, too. (The first script of 2000 knows no E- and S-; these are counted as its Python port does.)
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from albert_np.metrics.fractions import prf, ratio

Chunk = tuple[str, int, int]


def parts(tag: str) -> tuple[str, str]:
    """ "B-PER" -> ("B", "PER"); "O" -> ("O", "")"""
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def begins(before: tuple[str, str], here: tuple[str, str]) -> bool:
    """Whether a span begins at a tag that follows another."""
    if here[0] == "O":
        return False
    return here[0] in "BS" or before[0] in "OES" or before[1] != here[1]


def ends(here: tuple[str, str], after: tuple[str, str]) -> bool:
    """Whether a span ends at a tag that another follows."""
    if here[0] == "O":
        return False
    return here[0] in "ES" or after[0] in "OBS" or after[1] != here[1]


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """The spans of a sentence's tags: (type, first, one after the last), in order."""
    outside = ("O", "")
    marks = [outside, *map(parts, tags), outside]
    found, start = [], 0
    for i in range(1, len(marks) - 1):
        if begins(marks[i - 1], marks[i]):
            start = i - 1
        if ends(marks[i], marks[i + 1]):
            found.append((marks[i][1], start, i))
    return found


def conlleval(gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> dict[str, Any]:
    """gold, found: the tags of each sentence

    -> precision, recall, f1 of whole spans; accuracy of single tags; right, found, gold: numbers of spans; by_type: the same for
    each type. ValueError where a sentence has not as many tags as it should.
    """
    if len(gold) != len(found):
        raise ValueError(f"there are {len(gold)} sentences, and tags for {len(found)}")
    right: Counter[str] = Counter()
    said: Counter[str] = Counter()
    true: Counter[str] = Counter()
    tokens = equal = 0
    for number, (a, b) in enumerate(zip(gold, found)):
        if len(a) != len(b):
            raise ValueError(f"sentence {number} has {len(a)} words, but {len(b)} tags")
        spans = chunks(a), chunks(b)
        true.update(kind for kind, *_ in spans[0])
        said.update(kind for kind, *_ in spans[1])
        right.update(kind for kind, *_ in set(spans[0]) & set(spans[1]))
        tokens, equal = tokens + len(a), equal + sum(x == y for x, y in zip(a, b))
    return {
        **counted(right.total(), said.total(), true.total()),
        "accuracy": ratio(equal, tokens),
        "by_type": {kind: counted(right[kind], said[kind], true[kind]) for kind in sorted(true | said)},
    }


def counted(right: int, found: int, gold: int) -> dict[str, Any]:
    return {**prf(right, found, gold), "right": right, "found": found, "gold": gold}
