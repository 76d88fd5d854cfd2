"""Which of the N tokens belong together. There is no padding: sequences lie end to end, one row a token."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from albert_np.core.backend import asarray_like


class Sequences:
    """B sequences as host integers; iterating yields the slice of each one's rows.

    starts, lengths   (B,) first row and number of tokens of each sequence.
    source_lengths    (B,) for translation: how many of a sequence's tokens are the source, which see the source only; the
                      others are the target, which see the source and their own past. None: every token sees all of its sequence.
    filling           rows at the end that belong to no sequence, and meet nobody (see engine/step_graphs.py).
    """

    def __init__(
        self, starts: np.ndarray, lengths: np.ndarray, source_lengths: np.ndarray | None = None, filling: int = 0
    ) -> None:
        self.starts, self.lengths, self.source_lengths, self.filling = starts, lengths, source_lengths, filling
        self._on_device: Any = None
        self._remembered: dict[Any, Any] = {}

    @classmethod
    def of_lengths(cls, lengths: Any, source_lengths: Any = None) -> "Sequences":
        """Sequences of these lengths, end to end from row 0."""
        lengths = np.asarray(lengths, dtype=np.int64)
        return cls(np.cumsum(lengths) - lengths, lengths, source_lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[slice]:
        for start, length in zip(self.starts.tolist(), self.lengths.tolist()):
            yield slice(start, start + length)

    def remember(self, what: Any, make: Callable[[], Any]) -> Any:
        """make(), called once for these sequences: something worked out from starts and lengths that every layer needs."""
        if what not in self._remembered:
            self._remembered[what] = make()
        return self._remembered[what]

    def first_rows(self, like: Any) -> Any:
        """The starts (B,) on the device of `like`: the rows of the [CLS] tokens."""
        if self._on_device is None or type(self._on_device) is not type(like):
            self._on_device = asarray_like(self.starts, like)
        return self._on_device

    def put_first_rows(self, starts: Any) -> None:
        """Take these starts (B,), on a device, for those of the [CLS] tokens."""
        self._on_device = starts

    def visible(self, i: int, like: Any) -> Any:
        """(T, T) booleans, whether query row may see key column in sequence i; None where every token sees every other."""
        if self.source_lengths is None:
            return None
        key, query = np.arange(self.lengths[i]), np.arange(self.lengths[i])[:, None]
        # a source token sees the source; a target token sees the source, its past and itself
        return asarray_like(key < np.maximum(self.source_lengths[i], query + 1), like)
