"""Packed sequences with the data that kernels derive from them."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.sequences import Sequences

T = TypeVar("T")
S = TypeVar("S", bound="PackedSequences")


class PackedSequences(Sequences):
    """Packed sequences with what the kernels need besides starts and lengths.

    output_rows     (R,) sorted rows of the last layer that the heads read, each once; only these are computed. None: all.
    prefix_lengths  (B,) host integers: how many tokens of each sequence are a prefix (see models.PrefixSequences); None: no mask.
    padding         number of rows at the end that belong to no sequence (see engine/step_graphs.py).
    """

    def __init__(
        self,
        starts: np.ndarray,
        lengths: np.ndarray,
        first_rows: Array = None,
        output_rows: Array = None,
        prefix_lengths: np.ndarray | None = None,
        padding: int = 0,
    ) -> None:
        super().__init__(starts, lengths, first_rows)
        self.output_rows, self.prefix_lengths, self.padding = output_rows, prefix_lengths, padding
        self.memo: dict[Any, Any] = {}

    def between(self: S, first: int, last: int) -> S:
        """Return the sequences first, ..., last - 1, on the host, with rows counted from the start of the first."""
        start, stop = int(self.starts[first]), int(self.starts[last - 1] + self.lengths[last - 1])
        outputs, prefixes = self.output_rows, self.prefix_lengths
        return type(self)(
            self.starts[first:last] - start,
            self.lengths[first:last],
            output_rows=None if outputs is None else outputs[slice(*np.searchsorted(outputs, (start, stop)))] - start,
            prefix_lengths=None if prefixes is None else prefixes[first:last],
        )


def memoized(sequences: Sequences, key: Any, make: Callable[[], T]) -> T:
    """Return make(), computed once per sequences and key: derived data that every layer needs."""
    if not isinstance(sequences, PackedSequences):
        return make()
    if key not in sequences.memo:
        sequences.memo[key] = make()
    return sequences.memo[key]
