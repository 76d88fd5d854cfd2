"""From lists of ids to rectangular arrays: pairs truncated, special tokens added, rows padded.

The rules are those of transformers (tokenization_utils_base, right side): truncation removes tokens from the end,
"longest_first" removes one token at a time from the longer text, and from the second if both are equal; padding comes last.
"""

from collections.abc import Mapping, Sequence
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
NO_SPAN = (0, 0)  # the span of a token that stands for no text


@dataclass
class Encoding:
    """The ids of one text, and the slice of the text that each came from ([] if spans were not requested)."""

    ids: list[int]
    spans: list[Span]

    def truncate(self, length: int) -> "Encoding":
        """Return the first `length` ids and spans."""
        return Encoding(self.ids[:length], self.spans[:length])


def choose_option(name: str, value: Any, options: Mapping[Any, Any]) -> Any:
    """Return the option's value in the table. ValueError that lists the options."""
    if not isinstance(value, bool | str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, not {value!r}")
    return options[value]


def choose_truncation(value: bool | str | None, max_length: int | None, padding: str | None) -> str | None:
    """Return the truncation strategy of a call's arguments; None means no truncation."""
    if value is None:
        return "longest_first" if max_length is not None and padding is None else None
    return choose_option("truncation", value, TRUNCATION)


def make_row(
    a: Encoding, b: Encoding | None, ends: tuple[int, int] | None, limit: int | None, strategy: str | None
) -> tuple[Encoding, list[int]]:
    """Return one row of a batch, truncated to `limit` tokens, and its token types. Arguments as in `join_pair`."""
    added = 0 if ends is None else 2 if b is None else 3
    if limit is not None and limit < added:
        raise ValueError(f"max_length {limit} leaves no room: the special tokens alone are {added}")
    if limit is not None and strategy is not None:
        a, b = truncate_pair(a, b, len(a.ids) + (len(b.ids) if b else 0) + added - limit, strategy)
    return join_pair(a, b, ends)


def join_pair(a: Encoding, b: Encoding | None, ends: tuple[int, int] | None) -> tuple[Encoding, list[int]]:
    """Return [CLS] a [SEP], or [CLS] a [SEP] b [SEP], and the token types: 0 up to the first [SEP], 1 after it.

    ends: the ids of [CLS] and [SEP]; None adds neither.
    """
    cls, sep = ([], []) if ends is None else ([ends[0]], [ends[1]])
    ids, spans = cls + a.ids + sep, [NO_SPAN] * len(cls) + a.spans + [NO_SPAN] * len(sep)
    types = [0] * len(ids)
    if b is not None:
        ids, spans = ids + b.ids + sep, spans + b.spans + [NO_SPAN] * len(sep)
        types += [1] * (len(ids) - len(types))
    return Encoding(ids, spans), types


def truncate_pair(a: Encoding, b: Encoding | None, excess: int, strategy: str) -> tuple[Encoding, Encoding | None]:
    """Return the pair without its last `excess` tokens (unchanged if that is not positive).

    ValueError if nothing would be left of the text that the strategy names.
    """
    if excess <= 0:
        return a, b
    if strategy == "longest_first":
        length_a, length_b = _truncated_lengths(len(a.ids), len(b.ids) if b else 0, excess)
        return a.truncate(length_a), b and b.truncate(length_b)
    if strategy == "only_second" and b is None:
        raise ValueError("truncation='only_second' needs a text_pair")
    side = a if strategy == "only_first" else b
    assert side is not None
    if len(side.ids) <= excess:
        raise ValueError(
            f"truncation={strategy!r} would take {excess} tokens from a text of {len(side.ids)}; "
            "truncation='longest_first' takes them from both"
        )
    shorter = side.truncate(len(side.ids) - excess)
    return (shorter, b) if strategy == "only_first" else (a, shorter)


def _truncated_lengths(a: int, b: int, excess: int) -> tuple[int, int]:
    """Return the lengths after "longest_first": the longer text is cut until both are equal, then b and a in turn."""
    alone = min(abs(a - b), excess)
    both = excess - alone
    a, b = (a - alone, b) if a > b else (a, b - alone)
    return max(0, a - both // 2), max(0, b - (both - both // 2))


def compute_width(lengths: Sequence[int], limit: int | None, padding: str | None) -> int:
    """Return the number of columns that rows of these lengths need.

    ValueError for a row above the limit, and for rows of unequal length without padding.
    """
    longest = max(lengths, default=0)
    if limit is not None and longest > limit:
        raise ValueError(f"a row has {longest} tokens, more than max_length {limit}: pass truncation=True to cut it")
    if padding is None and len(set(lengths)) > 1:
        raise ValueError(f"the rows have from {min(lengths)} to {longest} tokens: pass padding=True to fill them up")
    return limit if padding == "max_length" and limit is not None else longest


def pad_rows(rows: Sequence[Sequence[Any]], width: int, fill: Any) -> np.ndarray:
    """Return rows of up to `width` values as one array, padded at the end.   -> (B, width) or (B, width, 2), int64"""
    array = np.empty((len(rows), width, *np.shape(fill)), np.int64)
    array[:] = fill
    for row, values in zip(array, rows):
        if values:
            row[: len(values)] = values
    return array
