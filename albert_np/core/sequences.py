"""Which of the N tokens belong together. There is no padding: the sequences are packed end to end, one row per token."""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from albert_np.core.dispatch import Array

S = TypeVar("S", bound="Sequences")


class Sequences:
    """B packed sequences; iterating yields the slice of each one's rows.

    starts, lengths  (B,) host integers: first row and number of tokens of each sequence.
    first_rows       (B,) the starts on the device of the tokens: the rows of the [CLS] tokens.
    """

    def __init__(self, starts: np.ndarray, lengths: np.ndarray, first_rows: Array = None) -> None:
        self.starts, self.lengths = starts, lengths
        self.first_rows = starts if first_rows is None else first_rows

    @classmethod
    def of_lengths(cls: type[S], lengths: Any, **more: Any) -> S:
        """Sequences of these lengths, end to end from row 0."""
        lengths = np.asarray(lengths, dtype=np.intp)
        return cls(np.cumsum(lengths) - lengths, lengths, **more)

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[slice]:
        return (slice(start, start + length) for start, length in zip(self.starts.tolist(), self.lengths.tolist()))

    def visible(self, i: int) -> Array | None:
        """(T, T) booleans: whether query t of sequence i may attend to key u. None: every token may attend to every other."""
        return None
