"""Examples -> one packed batch without padding: the arrays that `core.Batch` takes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Example(NamedTuple):
    """[CLS] A [SEP] B [SEP], masked.

    example_index     the example's index in its data set
    ids               (T,) the masked input
    first_length      tokens up to and including the first [SEP]: they have token type 0, the others 1
    masked_positions  (m,) increasing
    labels            (m,) the original ids at the masked positions
    order             0 in order, 1 not; None: no sentence objective
    """

    example_index: int
    ids: np.ndarray
    first_length: int
    masked_positions: np.ndarray
    labels: np.ndarray
    order: int | None


def collate(examples: Sequence[Example]) -> dict[str, np.ndarray]:
    """Pack B examples with N tokens, M of them masked, into host arrays.

    Returns ids, token_types, positions (N,) int32; lengths (B,) intp; examples (B,) int64, their indices; masked_rows (M,)
    intp, increasing; masked_labels (M,) int32; order_labels (B,) int32, absent when the examples have none.
    """
    if not examples:
        raise ValueError("a batch needs at least one example")
    lengths = np.array([len(e.ids) for e in examples], dtype=np.intp)  # (B,)
    starts = lengths.cumsum() - lengths  # (B,)
    first_lengths = np.array([e.first_length for e in examples])  # (B,)
    masked = [len(e.masked_positions) for e in examples]
    positions = np.arange(lengths.sum()) - np.repeat(starts, lengths)  # (N,)
    batch: dict[str, np.ndarray] = {
        "ids": np.concatenate([e.ids for e in examples]).astype(np.int32),
        "token_types": (positions >= np.repeat(first_lengths, lengths)).astype(np.int32),
        "positions": positions.astype(np.int32),
        "lengths": lengths,
        "examples": np.array([e.example_index for e in examples], dtype=np.int64),
        "masked_rows": np.concatenate([e.masked_positions for e in examples]) + np.repeat(starts, masked),  # (M,)
        "masked_labels": np.concatenate([e.labels for e in examples]).astype(np.int32),
    }
    if examples[0].order is not None:
        batch["order_labels"] = np.array([e.order for e in examples], dtype=np.int32)
    return batch
