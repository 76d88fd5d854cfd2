"""A packed batch with the tasks' labels, and translation's attention mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core.backend import asarray as put
from albert_np.core.backend import asarray_like
from albert_np.core.batch import Batch, Items, along
from albert_np.core.dispatch import Array
from albert_np.engine.sequences import PackedSequences


class PrefixSequences(PackedSequences):
    """Sequences that begin with a source, for translation ("prefix LM").

    prefix_lengths (B,): numbers of tokens of the sources, which attend to the source only. The other tokens are the target; they
    attend to the source, the target tokens before them and themselves.
    """

    def visible(self, i: int) -> Array:
        """Return (T, T) booleans: whether query t of sequence i may attend to key u."""
        key, query = np.arange(self.lengths[i]), np.arange(self.lengths[i])[:, None]
        assert self.prefix_lengths is not None
        return asarray_like(key < np.maximum(self.prefix_lengths[i], query + 1), self.first_rows)


@dataclass(frozen=True)
class TaskBatch(Batch):
    """A packed batch with a task's labels: what `packed_loss` and gradient checks take. `pack` makes one from host arrays.

    The fields of `core.batch.Batch`, and these:

    tables           the labelled items of each table of logits of the head: rows of sequences or tokens, and their classes
                     (numbers (M, C) for regression and for several labels per sequence). Question answering has two tables, for
                     first and last tokens: rows of sequences, and the index of the token in its sequence. None: no labels.
    entity_rows      (B, 2) for relations: the rows of the two entities' first tokens among the N.
    group_rows       (Q, K) for multiple choice: the sequences of each of Q groups, which are consecutive; below 0: a group of
                     fewer than K sequences has none there. A group is never divided among shards.
    label_smoothing  ε of translation's loss, see core/layers/cross_entropy.py.

    In translation's batches `masked` are the rows that predict a token of the target, and the tokens that follow them.
    """

    tables: tuple[Items, ...] | None = None
    entity_rows: Array = along("sequence", rows="token")
    group_rows: Array = along("group", rows="sequence")
    label_smoothing: float = 0.0

    def __repr__(self) -> str:
        return f"TaskBatch({len(self.ids)} tokens of {len(self.sequences)} sequences)"

    @classmethod
    def pack(  # type: ignore[override]
        cls,
        ids: np.ndarray,
        lengths: np.ndarray,
        token_types: np.ndarray,
        positions: np.ndarray,
        labels: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
        labels_of: str = "sequence",
        entity_rows: np.ndarray | None = None,
        group_sizes: np.ndarray | None = None,
        source_lengths: np.ndarray | None = None,
        output_rows: np.ndarray | None = None,
        label_smoothing: float = 0.0,
        like: Array = None,
        **more: Any,
    ) -> "TaskBatch":
        """Pack host arrays, as `Batch.pack`.

        labels          for each table a pair of host arrays, rows and labels
        labels_of       "sequence", "token" or "group": the kind of the tables' rows
        group_sizes     (Q,) for multiple choice: numbers of consecutive sequences that belong together, with sum B
        source_lengths  (B,), see PrefixSequences
        output_rows     see engine/sequences.py
        """
        kind = PackedSequences if source_lengths is None else PrefixSequences
        first_rows = put(np.cumsum(lengths) - lengths, like)
        sequences = kind(
            lengths, first_rows=first_rows, output_rows=put(output_rows, like), prefix_lengths=source_lengths
        )  # fmt: skip
        tables = (
            None if labels is None else tuple(Items(put(each, like), put(rows, like), axis=labels_of) for rows, each in labels)
        )
        return super().pack(
            ids, lengths, token_types, positions, sequences=sequences, tables=tables, entity_rows=put(entity_rows, like),
            group_rows=None if group_sizes is None else put(rows_of_groups(group_sizes, len(lengths)), like),
            label_smoothing=label_smoothing, like=like, **more,
        )  # fmt: skip

    def denominators(self) -> dict[str, float]:
        """As `Batch.denominators`, with the tasks'. Tables with different numbers of items have no common denominator."""
        sizes = {max(1, len(items)) for items in self.tables or ()}
        task = {"task": sizes.pop()} if len(sizes) == 1 else {}
        return {**super().denominators(), **task, "tokens": len(self.ids)}

    def has_common_denominators(self) -> bool:
        """Return whether the losses of the batch's shards, divided by `denominators()`, add up to its loss."""
        return self.tables is None or "task" in self.denominators()


def rows_of_groups(sizes: np.ndarray, B: int) -> np.ndarray:
    """sizes (Q,) of groups of consecutive sequences, B in all -> (Q, K) the sequences of each, -1 beyond its end"""
    sizes = np.asarray(sizes)
    if not len(sizes) or sizes.min() < 1 or sizes.sum() != B:
        raise ValueError(f"group_sizes: expected sizes of at least 1 that add up to {B} sequences, got {sizes.tolist()}")
    starts, index = np.cumsum(sizes) - sizes, np.arange(sizes.max())
    return np.where(index < sizes[:, None], starts[:, None] + index, -1)
