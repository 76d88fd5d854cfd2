"""Divide a batch into shards of whole sequences with nearly equal numbers of tokens, one shard per thread.

Sequences interact only through the loss and the gradient, and both are sums. So each thread computes its sequences from the ids
to the gradient without waiting for the others. The shards depend only on the batch and the number of threads. Sequences that
interact, such as the choices of a question, form a group: a field along "group" lists its sequences, and no group is divided.
"""

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from albert_np.core.batch import Batch, Items
from albert_np.core.dispatch import Array
from albert_np.core.sequences import Sequences
from albert_np.engine import threads
from albert_np.engine.kernels import kernels_run
from albert_np.engine.sequences import PackedSequences

MIN_NUMBERS = 1 << 16  # elements (N, H) of a shard; with fewer, starting its thread takes longer than it saves
SERIAL = 0.2  # share of a step's time outside matrix products: BLAS cannot divide it among its threads, shards can

R = TypeVar("R")
B = TypeVar("B", bound=Batch)


def number_of_shards(lengths: np.ndarray, like: Array) -> int:
    """Return the best number of shards for sequences of these lengths (B,). like: a parameter (..., H) of the model.

    One shard uses all of BLAS's threads, k shards use k threads. So if the sequences are too few or too short for all threads, it
    may be faster not to divide them (Amdahl's law).
    """
    if type(like) is not np.ndarray or not kernels_run(like):
        return 1
    allowed = threads.count()
    k = min(allowed, len(lengths), int(lengths.sum()) * like.shape[-1] // MIN_NUMBERS)
    return k if k > 1 / (SERIAL + (1 - SERIAL) / allowed) else 1


def split_points(lengths: np.ndarray, k: int) -> list[tuple[int, int]]:
    """Return (first, last + 1) of the sequences of each of k shards: nearly equal numbers of tokens, at least one sequence."""
    ends = np.cumsum(lengths)  # (B,)
    middles = ends - lengths / 2
    inner = np.searchsorted(middles, ends[-1] * np.arange(1, k) / k)
    inner = np.clip(inner, np.arange(1, k), len(ends) - np.arange(k - 1, 0, -1))
    return list(pairwise([0, *inner.tolist(), len(ends)]))


def get_groups(batch: Batch) -> Array | None:
    """Return the field (Q, K) of a batch that lists the sequences of each group; None if it has no groups."""
    values = (getattr(batch, field.name) for field in fields(batch) if field.metadata.get("axis") == "group")
    return next((value for value in values if value is not None), None)


def group_starts(batch: Batch) -> np.ndarray:
    """Return the first sequence of each group of a host batch; without groups, every sequence is one."""
    groups = get_groups(batch)
    return np.arange(len(batch.sequences)) if groups is None else groups[:, 0]


def group_lengths(batch: Batch) -> np.ndarray:
    """Return the number of tokens of each group of a host batch."""
    return np.add.reduceat(batch.sequences.lengths, group_starts(batch))


def split(batch: B, k: int) -> list[B]:
    """Return k batches of consecutive sequences; no group is divided."""
    ends = np.append(group_starts(batch), len(batch.sequences))
    return [between(batch, int(ends[first]), int(ends[last])) for first, last in split_points(group_lengths(batch), k)]


def between(batch: B, first: int, last: int) -> B:
    """Return the sequences first, ..., last - 1 of a host batch, whole groups. Each field is sliced along its axis."""
    s = batch.sequences
    groups = np.searchsorted(group_starts(batch), (first, last)).tolist()
    tokens = int(s.starts[first]), int(s.starts[last - 1] + s.lengths[last - 1])
    spans = {"token": tokens, "sequence": (first, last), "group": (groups[0], groups[1])}
    sliced: dict[str, Any] = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Sequences):
            if isinstance(value, PackedSequences):
                sliced[field.name] = value.between(first, last)
            else:
                sliced[field.name] = Sequences(value.lengths[first:last])
        elif isinstance(value, Items):
            sliced[field.name] = items_between(value, *spans[value.axis])
        elif isinstance(value, tuple):
            sliced[field.name] = tuple(items_between(items, *spans[items.axis]) for items in value)
        elif value is not None and "axis" in field.metadata:
            rows = value[slice(*spans[field.metadata["axis"]])]
            sliced[field.name] = rows - spans[field.metadata["rows"]][0] if field.metadata["rows"] else rows
    return replace(batch, **sliced)


def items_between(items: Items, start: int, stop: int) -> Items:
    """Return the items with rows start, ..., stop - 1, counted from start."""
    if items.rows is None:  # one item per row
        inside: Any = slice(start, stop)
    else:
        inside = (items.rows >= start) & (items.rows < stop)
    return replace(
        items,
        labels=items.labels[inside],
        rows=None if items.rows is None else items.rows[inside] - start,
        weights=None if items.weights is None else items.weights[inside],
    )


def sum_results(results: list[R]) -> R:
    """Sum the results of the shards: losses (divided by the whole batch's denominators) and numbers of items."""

    def total(values: list[Any]) -> Any:
        return None if None in [v if v is None else 0 for v in values] else sum(values[1:], start=values[0])

    names = [field.name for field in fields(results[0])]  # type: ignore[arg-type]
    return type(results[0])(**{name: total([getattr(r, name) for r in results]) for name in names})


def reduce_grads(flats: list[Array]) -> None:
    """flats[0] += flats[1] + ..., divided among threads."""
    k, size = len(flats), len(flats[0])

    def work(i: int) -> None:
        part = slice(size * i // k, size * (i + 1) // k)
        for flat in flats[1:]:
            flats[0][part] += flat[part]

    threads.run(work, range(k))
