"""Spans of tags, by the rules of conlleval (Tjong Kim Sang & Buchholz 2000), the scorer of the CoNLL shared tasks.

A tag is O, or B-, I-, E- or S- with a type. Spans are read leniently: an I- after O, or after another type, also begins a span.
(The script of 2000 has no E- and S-; they are counted as in its Python port.)
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from albert_np.metrics.fractions import precision_recall_f1, safe_ratio

Chunk = tuple[str, int, int]
OUTSIDE = ("O", "")
OTHER_SCHEMES = {"L": "E", "U": "S", "M": "I"}  # BILOU's last and unit, BMES's middle


def split_tag(tag: str) -> tuple[str, str]:
    """Return ("B", "PER") for "B-PER", ("O", "") for "O"."""
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def begins_span(previous: tuple[str, str], current: tuple[str, str]) -> bool:
    """Return whether a span begins at the current tag; both as from `split_tag`."""
    if current[0] == "O":
        return False
    return current[0] in "BS" or previous[0] in "OES" or previous[1] != current[1]


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """Return the spans of a sentence's tags in order: (type, first, one past the last)."""
    spans: list[Chunk] = []
    previous = OUTSIDE
    for i, tag in enumerate(tags):
        current = split_tag(tag)
        if begins_span(previous, current):
            spans.append((current[1], i, i + 1))
        elif current[0] != "O":
            spans[-1] = (*spans[-1][:2], i + 1)
        previous = current
    return spans


def to_bio(tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags in strict BIO, in which every span begins with B-. They may be in BIO, IOB1, BIOES, BILOU or BMES."""
    marks = [OUTSIDE, *(split_tag(OTHER_SCHEMES.get(tag[0], tag[0]) + tag[1:]) for tag in tags)]
    strict = []
    for previous, current in pairwise(marks):
        prefix = "B-" if begins_span(previous, current) else "I-"
        strict.append("O" if current[0] == "O" else prefix + current[1])
    return tuple(strict)


def conlleval(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score the tags of each sentence.

    Returns precision, recall, f1 of whole spans; accuracy of single tags; right, found, gold: counts of spans; by_type: the
    same per type. ValueError where the numbers of sentences or of their tags differ.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"there are {len(gold)} sentences, and tags for {len(predicted)}")
    right: Counter[str] = Counter()
    guessed: Counter[str] = Counter()
    true: Counter[str] = Counter()
    tokens = equal = 0
    for i, (a, b) in enumerate(zip(gold, predicted)):
        if len(a) != len(b):
            raise ValueError(f"sentence {i} has {len(a)} words, but {len(b)} tags")
        true_spans, guessed_spans = chunks(a), chunks(b)
        true.update(kind for kind, *_ in true_spans)
        guessed.update(kind for kind, *_ in guessed_spans)
        right.update(kind for kind, *_ in set(true_spans) & set(guessed_spans))
        tokens, equal = tokens + len(a), equal + sum(x == y for x, y in zip(a, b))
    return {
        **_scores(right.total(), guessed.total(), true.total()),
        "accuracy": safe_ratio(equal, tokens),
        "by_type": {kind: _scores(right[kind], guessed[kind], true[kind]) for kind in sorted(true | guessed)},
    }


def _scores(right: int, predicted: int, gold: int) -> dict[str, Any]:
    return {**precision_recall_f1(right, predicted, gold), "right": right, "found": predicted, "gold": gold}
