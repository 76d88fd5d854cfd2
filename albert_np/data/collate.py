"""Examples -> one packed batch: the arrays that `model.Batch.pack` takes. No padding."""

from typing import NamedTuple

import numpy as np


class Example(NamedTuple):
    """[CLS] A [SEP] B [SEP], masked.

    number  the example's number in its data set
    ids     (T,) as the model sees them
    first   tokens up to and with the first [SEP]: they have token type 0, the others 1
    places  (m,) the masked tokens, increasing
    labels  (m,) the ids that stood there
    order   0 in order, 1 not; None: no sentence objective
    """

    number: int
    ids: np.ndarray
    first: int
    places: np.ndarray
    labels: np.ndarray
    order: int | None


def collate(examples: list[Example]) -> dict[str, np.ndarray]:
    """The packed host arrays of B examples with N tokens, M of them masked:

    ids, token_types, positions (N,) int32; lengths (B,) int64; examples (B,) int64; masked_rows (M,) int64, increasing;
    masked_labels (M,) int32; order_labels (B,) int32, absent when the examples have none.
    """
    if not examples:
        raise ValueError("a batch needs at least one example")
    lengths = np.array([len(e.ids) for e in examples], dtype=np.int64)  # (B,)
    starts = lengths.cumsum() - lengths  # (B,)
    firsts = np.array([e.first for e in examples])  # (B,)
    masked = [len(e.places) for e in examples]
    positions = np.arange(lengths.sum()) - np.repeat(starts, lengths)  # (N,)
    batch: dict[str, np.ndarray] = {
        "ids": np.concatenate([e.ids for e in examples]).astype(np.int32),
        "token_types": (positions >= np.repeat(firsts, lengths)).astype(np.int32),
        "positions": positions.astype(np.int32),
        "lengths": lengths,
        "examples": np.array([e.number for e in examples], dtype=np.int64),
        "masked_rows": np.concatenate([e.places for e in examples]) + np.repeat(starts, masked),  # (M,)
        "masked_labels": np.concatenate([e.labels for e in examples]).astype(np.int32),
    }
    if examples[0].order is not None:
        batch["order_labels"] = np.array([e.order for e in examples], dtype=np.int32)
    return batch
