"""Which of the N tokens belong together: the sequences are packed end to end, one row per token, without padding."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array


class Sequences:
    """B packed sequences; iterating yields the slice of each one's rows."""

    def __init__(self, lengths: Any, first_rows: Array = None) -> None:
        self.lengths = np.asarray(lengths, dtype=np.intp)  # (B,) on the host: number of tokens of each sequence
        self.starts = np.cumsum(self.lengths) - self.lengths  # (B,) on the host: first row of each
        self.first_rows = self.starts if first_rows is None else first_rows  # (B,) on the tokens' device: the rows of [CLS]

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[slice]:
        return (slice(start, start + length) for start, length in zip(self.starts.tolist(), self.lengths.tolist()))

    def visible(self, i: int) -> Array | None:
        """(T, T) booleans: whether query t of sequence i may attend to key u. None: every token may attend to every other."""
        return None
