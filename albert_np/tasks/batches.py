"""Rows of tasks -> the packed arrays of a batch, one function for each kind of label; and rows -> a model's logits."""

from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.models.padded import IGNORED

TOKENS = 8192  # of a batch that is only looked at


def packed(items: list[Any]) -> dict[str, Any]:
    """The arrays that every batch has: ids, token_types, positions (N,), lengths (B,)."""
    lengths = np.array([len(item.ids) for item in items], dtype=np.int64)
    return {
        "ids": np.concatenate([np.asarray(item.ids, np.int32) for item in items]),
        "token_types": np.concatenate([np.asarray(item.token_types, np.int32) for item in items]),
        "positions": np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        "lengths": lengths,
    }


def rows_and_values(targets: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the rows that have a target, and the targets."""
    rows = [i for i, target in enumerate(targets) if target is not None]
    return np.array(rows, np.int64), np.array([targets[i] for i in rows])


def of_sequences(items: list[Any]) -> dict[str, Any]:
    """A target is a class, or numbers (C,)."""
    return {**packed(items), "labels": [rows_and_values([item.target for item in items])]}


def of_tokens(items: list[Any]) -> dict[str, Any]:
    """A target is (T,) classes, -100 where there is none."""
    labels = np.concatenate([np.asarray(item.target, np.int64) for item in items])  # (N,)
    rows = np.flatnonzero(labels != IGNORED)
    return {**packed(items), "labels": [(rows, labels[rows])]}


def of_spans(items: list[Any]) -> dict[str, Any]:
    """A target is the numbers of an answer's first and last token."""
    firsts, lasts = ([item.target and item.target[side] for item in items] for side in (0, 1))
    return {**packed(items), "labels": [rows_and_values(firsts), rows_and_values(lasts)]}


def of_entities(items: list[Any]) -> dict[str, Any]:
    """A target is a class; `entities` are the two places at which it is read."""
    arrays = of_sequences(items)
    starts = np.cumsum(arrays["lengths"]) - arrays["lengths"]
    return {**arrays, "entity_rows": np.array([item.entities for item in items]) + starts[:, None]}


def of_translations(items: list[Any]) -> dict[str, Any]:
    """A target is the ids of the translation with [SEP] behind. The row holds the source and all of the target but its [SEP]."""
    arrays = packed(items)
    ends = np.cumsum(arrays["lengths"])
    sizes = [len(item.target) for item in items]
    arrays["source_lengths"] = arrays["lengths"] + 1 - sizes
    arrays["masked_rows"] = np.concatenate([np.arange(end - size, end) for end, size in zip(ends, sizes)])
    arrays["masked_labels"] = np.concatenate([np.asarray(item.target, np.int64) for item in items])
    return arrays


def by_length(items: list[Any], tokens: int = TOKENS) -> list[list[int]]:
    """The numbers of the items in batches of about equal lengths: of at most `tokens` tokens with their padding, or one item."""
    order = sorted(range(len(items)), key=lambda i: (-len(items[i].ids), i))
    groups: list[list[int]] = []
    for i in order:
        if not groups or (len(groups[-1]) + 1) * len(items[groups[-1][0]].ids) > tokens:
            groups.append([])
        groups[-1].append(i)
    return groups


def padded(items: list[Any]) -> dict[str, Any]:
    """The arguments of a model's call: input_ids, attention_mask, token_type_ids (B, T) and, for relations, entity_positions."""
    B, T = len(items), max(len(item.ids) for item in items)
    arrays = {name: np.zeros((B, T), np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    for row, item in enumerate(items):
        there = slice(0, len(item.ids))
        arrays["input_ids"][row, there], arrays["token_type_ids"][row, there] = item.ids, item.token_types
        arrays["attention_mask"][row, there] = 1
    if items[0].entities is not None:
        arrays["entity_positions"] = np.array([item.entities for item in items])
    return arrays


def logits(model: Any, items: list[Any], names: tuple[str, ...] = ("logits",)) -> list[Any]:
    """For each item what the model's call gives under these names, as host arrays, without padding: one array, or a tuple."""
    found: list[Any] = [None] * len(items)
    for group in by_length(items):
        out = model(**padded([items[i] for i in group]))
        tables = [(backend.to_host(getattr(out, name)), name) for name in names]
        for row, i in enumerate(group):
            own = tuple(cut(table[row], len(items[i].ids), name) for table, name in tables)
            found[i] = own if len(names) > 1 else own[0]
    return found


def cut(row: np.ndarray, length: int, name: str) -> np.ndarray:
    """A sequence's logits (C,) as they are; of what has a row a token, (T,) or (T, C), the first `length`."""
    return row if name == "logits" and row.ndim == 1 else row[:length]
