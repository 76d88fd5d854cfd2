"""Check a user's padded (B, T) arrays, pack their visible tokens, and unpack results. Labels of tasks: labels.py."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.objective import Objective

ArrayLike: TypeAlias = Any  # of a user: nested lists of numbers, or an array of any backend
IGNORED = -100  # the label of items that are not part of the loss


@dataclass(frozen=True)
class Padded:
    """Checked (B, T) arrays of a call, with a mask of the visible positions."""

    visible: np.ndarray  # (B, T) booleans
    ids: np.ndarray
    token_types: np.ndarray
    positions: np.ndarray
    source_lengths: np.ndarray | None = None  # (B,) of translation: number of visible tokens that are the source
    entities: np.ndarray | None = None  # (B, 2) of relations: indices of two tokens among the visible ones
    group_sizes: np.ndarray | None = None  # (Q,) of multiple choice: numbers of consecutive rows that belong together

    def between(self, first: int, last: int) -> "Padded":
        """Return the rows first, ..., last - 1."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: array[first:last] for name, array in arrays.items() if array is not None})


def integers(name: str, values: ArrayLike, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return a host array of integers of this shape. ValueError names the argument."""
    if isinstance(values, str):
        raise ValueError(f"{name}: expected integers, got a text, {values[:40]!r}: model(**tokenizer(text)) takes one")
    try:
        array = np.asarray(values if isinstance(values, (np.ndarray, list, tuple, int)) else backend.to_host(values))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: expected a rectangular array of integers ({error})") from None
    if array.dtype.kind not in "iub" and array.size:
        raise ValueError(f"{name}: expected integers, got {array.dtype}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name}: expected the shape {shape}, got {array.shape}")
    return array.astype(np.int64)


def within(name: str, values: np.ndarray, limit: int, description: str) -> None:
    """Raise ValueError, with a description of the range, unless all values are in [0, limit)."""
    outside = values[(values < 0) | (values >= limit)]
    if outside.size:
        raise ValueError(f"{name}: {int(outside[0])} is outside 0 to {limit - 1}, {description}")


def check_padded(
    config: AlbertConfig,
    input_ids: ArrayLike,
    attention_mask: ArrayLike = None,
    token_type_ids: ArrayLike = None,
    position_ids: ArrayLike = None,
) -> Padded:
    """Check a user's arrays. A mask may have holes: hidden tokens are omitted, the others keep their positions."""
    ids = integers("input_ids", input_ids)
    if ids.ndim != 2 or ids.size == 0:
        raise ValueError(f"input_ids: expected the shape (B, T), got {ids.shape}")
    B, T = ids.shape
    mask = np.ones((B, T)) if attention_mask is None else integers("attention_mask", attention_mask, (B, T))
    if ((mask != 0) & (mask != 1)).any():
        raise ValueError("attention_mask: expected 0 (hidden) and 1 (visible) only")
    visible = mask == 1
    if not visible.any(axis=1).all():
        raise ValueError(
            f"attention_mask: row {int((~visible.any(axis=1)).argmax())} is hidden completely; expected a visible token"
        )
    types = np.zeros((B, T), np.int64) if token_type_ids is None else integers("token_type_ids", token_type_ids, (B, T))
    if position_ids is None:
        positions = np.broadcast_to(np.arange(T), (B, T))
        longest = int(np.flatnonzero(visible.any(axis=0))[-1]) + 1
        if longest > config.max_position_embeddings:
            raise ValueError(
                f"input_ids: sequences of {longest} tokens, but max_position_embeddings is {config.max_position_embeddings}"
            )
    else:
        positions = integers("position_ids", position_ids)
        if positions.shape not in ((B, T), (1, T), (T,)):
            raise ValueError(f"position_ids: expected the shape {(B, T)}, got {positions.shape}")
        positions = np.broadcast_to(positions, (B, T))
        within("position_ids", positions[visible], config.max_position_embeddings, "max_position_embeddings")
    within("input_ids", ids[visible], config.vocab_size, "the vocabulary")
    within("token_type_ids", types[visible], config.type_vocab_size, "type_vocab_size")
    return Padded(visible, ids, types, positions)


def pack(
    inputs: Padded, config: AlbertConfig, like: Array, labels: ArrayLike = None, sentence_order_label: ArrayLike = None,
    task: list[tuple[np.ndarray, np.ndarray]] | None = None, label_smoothing: float = 0.0, objective: Objective | None = None,
    output_rows: Callable[[dict[str, Any]], np.ndarray | None] | None = None,
) -> TaskBatch:  # fmt: skip
    """Pack the visible tokens, with labels if given, on the device of `like`.

    labels (B, T) and sentence_order_label (B,), for pretraining, are checked here. task: host arrays of rows and labels, one pair
    per table. objective: its output rows are computed in the last layer; None: all rows, or those that `output_rows` gives.
    """
    visible = inputs.visible
    arrays: dict[str, Any] = {}
    if labels is not None:
        chosen = integers("labels", labels, visible.shape)
        if (chosen[~visible] != IGNORED).any():
            raise ValueError("labels: a token that attention_mask hides has a label; expected -100 there")
        rows = np.flatnonzero(chosen[visible] != IGNORED)  # (M,) of the packed tokens
        arrays |= {"masked_rows": rows, "masked_labels": chosen[visible][rows]}
        within("labels", arrays["masked_labels"], config.vocab_size, "the vocabulary (-100 is ignored)")
    if sentence_order_label is not None:
        order = integers("sentence_order_label", sentence_order_label)
        if order.shape not in ((len(visible),), (len(visible), 1)):
            raise ValueError(f"sentence_order_label: expected the shape {(len(visible),)}, got {order.shape}")
        arrays["order_labels"] = order.reshape(-1)
        within("sentence_order_label", arrays["order_labels"], 2, "0 in order, 1 swapped")
    lengths = visible.sum(axis=1)
    if inputs.entities is not None:
        arrays["entity_rows"] = inputs.entities + (np.cumsum(lengths) - lengths)[:, None]  # (B, 2)
    arrays |= {
        "ids": inputs.ids[visible], "lengths": lengths, "token_types": inputs.token_types[visible],
        "positions": inputs.positions[visible],
    }  # fmt: skip
    more: dict[str, Any] = {
        "source_lengths": inputs.source_lengths, "group_sizes": inputs.group_sizes, "labels": task,
        "label_smoothing": label_smoothing,
    }  # fmt: skip
    if output_rows is not None:
        more["output_rows"] = output_rows(arrays)
    return TaskBatch.pack(**arrays, **more, like=like) if objective is None else objective.pack(arrays | more, like)


def unpack(x: Array, visible: np.ndarray) -> Array:
    """x (N, ...) -> (B, T, ...) on the same device, zero at hidden positions"""
    B, T = visible.shape
    rows = np.where(visible, np.cumsum(visible).reshape(B, T) - 1, 0)
    mask = visible.reshape(-1, *[1] * (x.ndim - 1))
    padded = np.take(x, backend.asarray_like(rows.reshape(-1), x), axis=0)  # (B T, ...)
    return np.where(backend.asarray_like(mask, x), padded, 0).reshape(B, T, *x.shape[1:])


def unpack_attention(probs: list[Array], visible: np.ndarray, like: Array) -> Array:
    """B of (A, t, t) -> (B, A, T, T), zero if the query or the key is hidden"""
    B, T = visible.shape
    out = np.zeros_like(like, shape=(B, probs[0].shape[0], T, T))
    for b, p in enumerate(probs):
        rows = backend.asarray_like(np.flatnonzero(visible[b]), like)  # (t,)
        out[b][:, rows[:, None], rows] = p
    return out
