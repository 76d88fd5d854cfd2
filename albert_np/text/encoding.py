"""From lists of ids to rectangular arrays: pairs cut to a length, special tokens added, rows filled up with padding.

The rules are transformers' (tokenization_utils_base, right side): what is cut is cut from the end, "longest_first" takes one
token at a time from the longer text and from the second where both are equal, padding comes behind.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.text.normalise import Span

PADDING = {False: None, True: "longest", "longest": "longest", "max_length": "max_length", "do_not_pad": None}
TRUNCATION = {
    False: None,
    True: "longest_first",
    "longest_first": "longest_first",
    "only_first": "only_first",
    "only_second": "only_second",
    "do_not_truncate": None,
}
NO_SPAN = (0, 0)  # the slice of a token that stands for no text


@dataclass
class Pieces:
    """The ids of one text, and the slice of the text that each came from (none where nobody asked)."""

    ids: list[int]
    spans: list[Span]

    def first(self, count: int) -> "Pieces":
        return Pieces(self.ids[:count], self.spans[:count])


def chosen(name: str, value: Any, table: dict[Any, Any]) -> Any:
    """The table's entry; ValueError that lists what there is."""
    if not isinstance(value, bool | str) or value not in table:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, table))}, not {value!r}")
    return table[value]


def truncated(a: Pieces, b: Pieces | None, excess: int, strategy: str) -> tuple[Pieces, Pieces | None]:
    """The pair without its `excess` last tokens (none if that is not positive).

    ValueError: nothing would be left of the text that the strategy names.
    """
    if excess <= 0:
        return a, b
    if strategy == "longest_first":
        keep_a, keep_b = _longest_first(len(a.ids), len(b.ids) if b else 0, excess)
        return a.first(keep_a), b and b.first(keep_b)
    if strategy == "only_second" and b is None:
        raise ValueError("truncation='only_second' needs a text_pair")
    side = a if strategy == "only_first" else b
    assert side is not None
    if len(side.ids) <= excess:
        raise ValueError(
            f"truncation={strategy!r} would take {excess} tokens from a text of {len(side.ids)}; "
            "truncation='longest_first' takes them from both"
        )
    shorter = side.first(len(side.ids) - excess)
    return (shorter, b) if strategy == "only_first" else (a, shorter)


def _longest_first(a: int, b: int, excess: int) -> tuple[int, int]:
    """The lengths that are left: the longer is cut until both are equal, then b and a in turn."""
    alone = min(abs(a - b), excess)
    each = excess - alone
    a, b = (a - alone, b) if a > b else (a, b - alone)
    return max(0, a - each // 2), max(0, b - (each - each // 2))


def joined(a: Pieces, b: Pieces | None, ends: tuple[int, int] | None) -> tuple[Pieces, list[int]]:
    """[CLS] a [SEP], or [CLS] a [SEP] b [SEP]; and the token types, 0 up to the first [SEP] and 1 behind it.

    ends: the ids of [CLS] and [SEP]; None puts neither.
    """
    cls, sep = ([], []) if ends is None else ([ends[0]], [ends[1]])
    ids, spans = cls + a.ids + sep, [NO_SPAN] * len(cls) + a.spans + [NO_SPAN] * len(sep)
    types = [0] * len(ids)
    if b is not None:
        ids, spans = ids + b.ids + sep, spans + b.spans + [NO_SPAN] * len(sep)
        types += [1] * (len(ids) - len(types))
    return Pieces(ids, spans), types


def row(
    a: Pieces, b: Pieces | None, ends: tuple[int, int] | None, limit: int | None, cut: str | None
) -> tuple[Pieces, list[int]]:
    """One row of a batch, cut to `limit` tokens, and its token types."""
    added = 0 if ends is None else 2 if b is None else 3
    if limit is not None and limit < added:
        raise ValueError(f"max_length {limit} leaves no room: the special tokens alone are {added}")
    if limit is not None and cut is not None:
        a, b = truncated(a, b, len(a.ids) + (len(b.ids) if b else 0) + added - limit, cut)
    return joined(a, b, ends)


def strategy(value: bool | str | None, max_length: int | None, padding: str | None) -> str | None:
    """The strategy that is meant; None leaves the rows as they are."""
    if value is None:
        return "longest_first" if max_length is not None and padding is None else None
    return chosen("truncation", value, TRUNCATION)


def width(lengths: list[int], limit: int | None, padding: str | None) -> int:
    """The number of columns that rows of these lengths need."""
    longest = max(lengths, default=0)
    if limit is not None and longest > limit:
        raise ValueError(f"a row has {longest} tokens, more than max_length {limit}: pass truncation=True to cut it")
    if padding is None and len(set(lengths)) > 1:
        raise ValueError(f"the rows have from {min(lengths)} to {longest} tokens: pass padding=True to fill them up")
    return limit if padding == "max_length" and limit is not None else longest


def rectangular(rows: list[list[Any]], width: int, fill: Any) -> np.ndarray:
    """Rows of any length up to `width` as one array, filled up behind.   -> (B, width) or (B, width, 2), int64"""
    array = np.empty((len(rows), width, *np.shape(fill)), np.int64)
    array[:] = fill
    for line, values in zip(array, rows):
        if values:
            line[: len(values)] = values
    return array
