"""A packed batch: the real tokens of all sequences, end to end, on the device in use. No padding."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.sequences import Sequences


@dataclass(frozen=True)
class Batch:
    """N tokens of B sequences, and the labels that a loss needs.

    ids, positions, token_types  (N,) integers.
    sequences                    which rows belong together.
    dropout_rows                 (N, 2) the example of each token and its number within it: dropout is keyed by them.
    masked_rows, masked_labels   (M,) rows of the N tokens and the pieces that stood there; None: no MLM loss.
    order_labels                 (B,) 0 in order, 1 swapped; None: no sentence-order loss.
    labels                       of a fine-tuning task, for each table of logits that its head makes the rows that have a label
                                 and the labels: one pair, (rows (M,), classes (M,)) where the rows are sequences or tokens
                                 (numbers (M, C) for regression and for several labels a sequence), and for question answering
                                 two, (sequences (M,), number of the answer's first, or last, token within its own (M,)).
    entity_rows                  (B, 2) for relations: the row of the N tokens at which each of two entities is read.
    read                         (R,) rows of the last layer, each once, for heads that do not look at all of them: the first
                                 token of each sequence and the masked ones; for relations those of the entities.
    label_smoothing              ε of translation's loss, see core/layers/cross_entropy.py.
    weights                      {"mlm": (M,), "sop": (B,), "task": one (M,) for each pair of labels}: what each item counts in
                                 the loss. None: 1.

    In translation's batches `sequences.source_lengths` are given, and masked_rows are those that predict a token of the target.
    """

    ids: Any
    positions: Any
    token_types: Any
    sequences: Sequences
    dropout_rows: Any
    masked_rows: Any = None
    masked_labels: Any = None
    order_labels: Any = None
    labels: tuple[tuple[Any, Any], ...] | None = None
    entity_rows: Any = None
    read: Any = None
    label_smoothing: float = 0.0
    weights: dict[str, Any] | None = None

    @classmethod
    def pack(
        cls,
        ids: np.ndarray,
        lengths: np.ndarray,
        token_types: np.ndarray,
        positions: np.ndarray,
        examples: np.ndarray | None = None,
        masked_rows: np.ndarray | None = None,
        masked_labels: np.ndarray | None = None,
        order_labels: np.ndarray | None = None,
        source_lengths: np.ndarray | None = None,
        labels: Any = None,
        entity_rows: np.ndarray | None = None,
        label_smoothing: float = 0.0,
        like: Any = None,
    ) -> "Batch":
        """From host arrays: ids, token_types, positions (N,); lengths (B,) with sum N; examples (B,), default 0, 1, ...;
        labels a pair of host arrays for each table of logits.

        They are put where `like` lives, or on the backend in use.
        """
        sequences = Sequences.of_lengths(lengths, source_lengths)
        examples = np.arange(len(sequences)) if examples is None else examples
        within = np.arange(len(ids)) - np.repeat(sequences.starts, sequences.lengths)  # (N,)
        dropout_rows = np.stack([np.repeat(examples, sequences.lengths), within], axis=1)  # (N, 2)

        read = rows_read(sequences, masked_rows, entity_rows)

        def put(host: np.ndarray | None) -> Any:
            if host is None:
                return None
            return backend.asarray(host) if like is None else backend.asarray_like(host, like)

        return cls(
            put(ids), put(positions), put(token_types), sequences, put(dropout_rows),
            put(masked_rows), put(masked_labels), put(order_labels),
            None if labels is None else tuple((put(rows), put(items)) for rows, items in labels),
            put(entity_rows), put(read), label_smoothing,
        )  # fmt: skip

    def weights_of(self, loss: str) -> Any:
        """What each item of a loss counts; None: 1."""
        return None if self.weights is None else self.weights[loss]

    @property
    def tokens(self) -> int:
        """N"""
        return len(self.ids)


def rows_read(sequences: Sequences, masked_rows: np.ndarray | None, entity_rows: np.ndarray | None) -> np.ndarray:
    """Host arrays -> (R,) the rows that heads look at, each once. Found on the host: for a device one would have to wait."""
    if entity_rows is not None:
        return np.unique(entity_rows)
    return sequences.starts if masked_rows is None else np.unique(np.concatenate([sequences.starts, masked_rows]))
