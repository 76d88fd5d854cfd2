"""A packed batch of pretraining: the tokens of all sequences, end to end, on the device in use. No padding."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from albert_np.core.backend import asarray as put
from albert_np.core.dispatch import Array
from albert_np.core.sequences import Sequences

BatchType = TypeVar("BatchType", bound="Batch")


def along(axis: str, rows: str = "", padding: int = 0) -> Any:
    """A field along "token", "sequence" or "group" (of sequences). rows: the axis its values index; padding: of an empty one."""
    return field(default=None, metadata={"axis": axis, "rows": rows, "padding": padding})


@dataclass(frozen=True)
class Items:
    """The items that a loss is a sum over."""

    labels: Array  # (M,) integers, or (M, C) numbers
    rows: Array = None  # (M,) the tokens, sequences or groups that are labelled; None: each sequence has one label
    weights: Array = None  # (M,) of the items in the loss; None: 1
    axis: str = "token"  # rows are indices of these: "token", "sequence" or "group"

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Batch:
    """N tokens of B sequences, and the labels of the two losses."""

    ids: Array = along("token")  # (N,) integers, as positions and token_types
    positions: Array = along("token")
    token_types: Array = along("token")
    random_rows: Array = along("token")  # (N, 2) the example of each token, and its index in it: they select its dropout masks
    sequences: Sequences = None  # type: ignore[assignment]
    masked: Items | None = None  # the masked tokens and the ids to predict there; None: no masked-language-model loss
    order: Items | None = None  # a label per sequence, 0 in order, 1 swapped; None: no sentence-order loss

    @classmethod
    def pack(
        cls: type[BatchType], ids: np.ndarray, lengths: np.ndarray, token_types: np.ndarray, positions: np.ndarray,
        examples: np.ndarray | None = None, masked_rows: np.ndarray | None = None, masked_labels: np.ndarray | None = None,
        order_labels: np.ndarray | None = None, sequences: Sequences | None = None, like: Array = None, **more: Any,
    ) -> BatchType:  # fmt: skip
        """From host arrays, which are put where `like` is, or on the backend in use.

        ids, token_types, positions (N,); lengths (B,) with sum N; examples (B,), by default 0, 1, ...; more: further fields.
        """
        starts = np.cumsum(lengths := np.asarray(lengths, np.intp)) - lengths  # (B,)
        examples = np.arange(len(lengths)) if examples is None else examples
        index = np.arange(len(ids)) - np.repeat(starts, lengths)  # (N,)
        return cls(
            ids=put(ids, like), positions=put(positions, like), token_types=put(token_types, like),
            random_rows=put(np.stack([np.repeat(examples, lengths), index], axis=1), like),
            sequences=sequences or Sequences(lengths, first_rows=put(starts, like)),
            masked=None if masked_rows is None else Items(put(masked_labels, like), put(masked_rows, like)),
            order=None if order_labels is None else Items(put(order_labels, like), axis="sequence"),
            **more,
        )  # fmt: skip

    def denominators(self) -> dict[str, float]:
        """Number of items of each loss: what it is divided by to become a mean. No items give 1, and a loss of 0."""
        items = {"mlm": self.masked, "sop": self.order}
        return {name: max(1, len(each)) for name, each in items.items() if each is not None}
