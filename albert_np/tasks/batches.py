"""Rows -> the packed arrays of a batch, with one `collate` function per kind of label; and rows -> a model's logits."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albert_np.core import backend
from albert_np.models.padded import IGNORED

if TYPE_CHECKING:
    from albert_np.tasks.task import Item

MAX_TOKENS = 8192  # per batch of inference, padding included


def pack_items(items: Sequence["Item"]) -> dict[str, Any]:
    """Return the arrays that every batch has: ids, token_types, positions (N,) and lengths (B,)."""
    lengths = np.array([len(item.ids) for item in items], dtype=np.intp)
    return {
        "ids": np.concatenate([np.asarray(item.ids, np.int32) for item in items]),
        "token_types": np.concatenate([np.asarray(item.token_types, np.int32) for item in items]),
        "positions": np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        "lengths": lengths,
    }


def select_labels(targets: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the rows that have a target, and these targets."""
    rows = [i for i, target in enumerate(targets) if target is not None]
    return np.array(rows, np.intp), np.array([targets[i] for i in rows])


def collate_sequences(items: Sequence["Item"]) -> dict[str, Any]:
    """A target is a class, or an array (C,)."""
    return {**pack_items(items), "labels": [select_labels([item.target for item in items])]}


def collate_tokens(items: Sequence["Item"]) -> dict[str, Any]:
    """A target is (T,) classes, -100 for tokens without a label."""
    labels = np.concatenate([np.asarray(item.target, np.int64) for item in items])  # (N,)
    rows = np.flatnonzero(labels != IGNORED)
    return {**pack_items(items), "labels": [(rows, labels[rows])]}


def collate_spans(items: Sequence["Item"]) -> dict[str, Any]:
    """A target is the positions of an answer's first and last token."""
    starts, ends = ([item.target and item.target[side] for item in items] for side in (0, 1))
    return {**pack_items(items), "labels": [select_labels(starts), select_labels(ends)]}


def collate_entities(items: Sequence["Item"]) -> dict[str, Any]:
    """A target is a class; `entities` are the positions of the two tokens that the head reads."""
    arrays = collate_sequences(items)
    starts = np.cumsum(arrays["lengths"]) - arrays["lengths"]
    return {**arrays, "entity_rows": np.array([item.entities for item in items]) + starts[:, None]}


def collate_choices(items: Sequence["Item"]) -> dict[str, Any]:
    """A target says whether the row is the right choice of its question; it is None for all choices of a question without a
    label. Consecutive items with the same `group` are the choices of one question, and their numbers may differ.

    ValueError if a question has not exactly one right choice.
    """
    questions = [list(choices) for _, choices in itertools.groupby(items, key=lambda item: item.group)]
    labels = [right_choice([item.target for item in choices]) for choices in questions]
    sizes = np.array([len(choices) for choices in questions], np.intp)
    return {**pack_items(items), "group_sizes": sizes, "labels": [select_labels(labels)]}


def right_choice(targets: Sequence[bool | None]) -> int | None:
    """Return the index of the one right choice of a question; None if it has no label."""
    if all(target is None for target in targets):
        return None
    if None in targets or sum(map(bool, targets)) != 1:
        raise ValueError(f"a question needs one right choice, True among False, or None for all; got {list(targets)}")
    return next(i for i, target in enumerate(targets) if target)


def collate_translations(items: Sequence["Item"]) -> dict[str, Any]:
    """A target is the ids of the translation followed by [SEP]. The row holds the source and the target without that [SEP]."""
    arrays = pack_items(items)
    ends = np.cumsum(arrays["lengths"])
    sizes = [len(item.target) for item in items]
    arrays["source_lengths"] = arrays["lengths"] + 1 - sizes
    arrays["masked_rows"] = np.concatenate([np.arange(end - size, end) for end, size in zip(ends, sizes)])
    arrays["masked_labels"] = np.concatenate([np.asarray(item.target, np.int64) for item in items])
    return arrays


def group_by_length(items: Sequence["Item"], max_tokens: int = MAX_TOKENS) -> list[list[int]]:
    """Return the items' indices in groups of similar length. A group has at most `max_tokens` tokens when padded, or one item."""
    order = sorted(range(len(items)), key=lambda i: (-len(items[i].ids), i))
    groups: list[list[int]] = []
    for i in order:
        if not groups or (len(groups[-1]) + 1) * len(items[groups[-1][0]].ids) > max_tokens:
            groups.append([])
        groups[-1].append(i)
    return groups


def pad_items(items: Sequence["Item"]) -> dict[str, np.ndarray]:
    """Return the arguments of a model's call: input_ids, attention_mask, token_type_ids (B, T) and, if the items have entities,
    entity_positions (B, 2)."""
    B, T = len(items), max(len(item.ids) for item in items)
    arrays = {name: np.zeros((B, T), np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    for row, item in enumerate(items):
        length = len(item.ids)
        arrays["input_ids"][row, :length], arrays["token_type_ids"][row, :length] = item.ids, item.token_types
        arrays["attention_mask"][row, :length] = 1
    if items[0].entities is not None:
        arrays["entity_positions"] = np.array([item.entities for item in items])
    return arrays


def predict_logits(model: Any, items: Sequence["Item"], names: tuple[str, ...] = ("logits",)) -> list[Any]:
    """Return for each item the model's outputs of these names as host arrays without padding: one array, or a tuple of them.

    Of a model for multiple choice these are the scores (1,) of single choices, whatever other items there are.
    """
    outputs: list[Any] = [None] * len(items)
    for group in group_by_length(items):
        arrays = pad_items([items[i] for i in group])
        if getattr(model, "takes_choices", False):
            arrays = {name: array[:, None] for name, array in arrays.items()}  # (B, 1, T): each by itself
        out = model(**arrays, outputs=names)
        tables = [(backend.to_host(getattr(out, name)), name) for name in names]
        for row, i in enumerate(group):
            found = tuple(trim_padding(table[row], len(items[i].ids), name) for table, name in tables)
            outputs[i] = found if len(names) > 1 else found[0]
    return outputs


def trim_padding(row: np.ndarray, length: int, name: str) -> np.ndarray:
    """Return the logits of a sequence (C,) unchanged, and the first `length` entries of per-token outputs (T,) or (T, C)."""
    return row if name == "logits" and row.ndim == 1 else row[:length]
