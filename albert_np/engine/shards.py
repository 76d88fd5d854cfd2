"""A batch in parts: whole sequences, nearly equally many tokens, a thread for each part.

Sequences never meet but in the loss, which is a sum, and in the gradient, which is one, too. So each thread takes its sequences
from the ids to the gradient without waiting for the others. The parts depend on the batch and on the number of threads only.
"""

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.dispatch import twins_of
from albert_np.core.sequences import Sequences
from albert_np.engine import threads

WORTH_IT = 1 << 16  # numbers (N, H) of a part: with fewer, starting its thread takes longer than it saves
SERIAL = 0.2  # of a step's time is not in matrix products: BLAS cannot share it out among its threads, parts can

R = TypeVar("R")


def number_of_parts(lengths: Any, like: Any) -> int:
    """In how many parts sequences of these lengths (B,) are best computed; `like`: a parameter (..., H) of the model.

    One part uses all of BLAS's threads, k parts k of them. So where the sequences are too few or too short for all threads, it
    may be quicker not to divide them (Amdahl's law).
    """
    if type(like) is not np.ndarray or twins_of(like) is None:
        return 1
    allowed = threads.count()
    k = min(allowed, len(lengths), int(lengths.sum()) * like.shape[-1] // WORTH_IT)
    return k if k > 1 / (SERIAL + (1 - SERIAL) / allowed) else 1


def cuts(lengths: Any, k: int) -> list[tuple[int, int]]:
    """For each of k parts its first sequence and the one after its last: nearly equally many tokens, and never none."""
    ends = np.cumsum(lengths)  # (B,)
    middles = ends - lengths / 2
    inner = np.searchsorted(middles, ends[-1] * np.arange(1, k) / k)
    inner = np.clip(inner, np.arange(1, k), len(ends) - np.arange(k - 1, 0, -1))
    return list(pairwise([0, *inner.tolist(), len(ends)]))


def split(batch: Batch, k: int, labels_of: str = "sequences") -> list[Batch]:
    """k batches of consecutive sequences. labels_of: whether the rows of `batch.labels` are "sequences" or "tokens"."""
    return [part(batch, first, last, labels_of) for first, last in cuts(batch.sequences.lengths, k)]


def part(batch: Batch, first: int, last: int, labels_of: str) -> Batch:
    """The sequences first, ..., last - 1."""
    s = batch.sequences
    start, stop = int(s.starts[first]), int(s.starts[last - 1] + s.lengths[last - 1])
    tokens, rows = slice(start, stop), slice(first, last)
    masked = slice(*np.searchsorted(batch.masked_rows, (start, stop))) if batch.masked_rows is not None else None
    begin, end = (start, stop) if labels_of == "tokens" else (first, last)
    return replace(
        batch,
        ids=batch.ids[tokens], positions=batch.positions[tokens], token_types=batch.token_types[tokens],
        sequences=Sequences.of_lengths(s.lengths[rows], None if s.source_lengths is None else s.source_lengths[rows]),
        dropout_rows=batch.dropout_rows[tokens],
        masked_rows=None if masked is None else batch.masked_rows[masked] - start,
        masked_labels=None if masked is None else batch.masked_labels[masked],
        order_labels=None if batch.order_labels is None else batch.order_labels[rows],
        labels=None if batch.labels is None else tuple(between(*pair, begin, end) for pair in batch.labels),
        read=batch.read[slice(*np.searchsorted(batch.read, (start, stop)))] - start,
        entity_rows=None if batch.entity_rows is None else batch.entity_rows[rows] - start,
    )  # fmt: skip


def between(rows: Any, items: Any, begin: int, end: int) -> tuple[Any, Any]:
    """The labels of the rows from begin to end - 1."""
    here = (rows >= begin) & (rows < end)
    return rows[here] - begin, items[here]


def counts(batch: Batch) -> dict[str, float] | None:
    """By how many items the losses of the whole batch are divided; None if its tables of labels differ in their number."""
    found: dict[str, float] = {}
    if batch.masked_rows is not None:
        found["mlm"] = len(batch.masked_rows)
    if batch.order_labels is not None:
        found["sop"] = len(batch.order_labels)
    if batch.labels is not None:
        numbers = {len(rows) for rows, _ in batch.labels}
        if len(numbers) != 1:
            return None
        found |= {"task": numbers.pop(), "tokens": batch.tokens}
    return {name: number or 1 for name, number in found.items()}


def together(results: list[R]) -> R:
    """The results of the parts, added up: losses (divided by the whole batch's counts) and numbers of items."""

    def total(values: list[Any]) -> Any:
        return None if None in [v if v is None else 0 for v in values] else sum(values[1:], start=values[0])

    names = [field.name for field in fields(results[0])]  # type: ignore[arg-type]
    return type(results[0])(**{name: total([getattr(r, name) for r in results]) for name in names})


def add_up(flats: list[Any]) -> None:
    """flats[0] += flats[1] + ..., each thread a stretch of them."""
    k, size = len(flats), len(flats[0])

    def work(i: int) -> None:
        stretch = slice(size * i // k, size * (i + 1) // k)
        for flat in flats[1:]:
            flats[0][stretch] += flat[stretch]

    threads.run(work, range(k))
