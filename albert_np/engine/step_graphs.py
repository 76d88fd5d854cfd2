"""Training steps on a GPU, captured once as CUDA graphs and replayed, which saves the host's cost of every launch.

A graph contains addresses and sizes. So a batch is copied to the addresses of the captured one and padded to its shape: the
numbers of tokens, sequences and items are rounded up (`round_up`, at most an eighth more), with rows that belong to no sequence
and items of weight 0, which contribute exact zeros. Sequences are grouped into tiles of a few lengths. Everything that changes
from step to step is read from device memory: ids, rows and lengths, the denominators of the losses, and the step's part of the
dropout key.

A shape is computed eagerly until it has occurred WARMUP times; real text has few shapes once batches are balanced.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from albert_np.core import backend, dispatch
from albert_np.core.batch import Batch, Items
from albert_np.core.dispatch import Array
from albert_np.core.params import Tree
from albert_np.core.random import RandomKey
from albert_np.engine.gpu import has_kernels
from albert_np.engine.gpu.launch import arithmetic
from albert_np.engine.gpu.tiles import Tile, plan, tiles_key
from albert_np.engine.kernels import kernels_run
from albert_np.engine.sequences import PackedSequences
from albert_np.engine.shards import get_groups

WARMUP = 3  # times that a shape is computed eagerly
MAX_GRAPHS = 64  # shapes that are captured, at most
Arrays = dict[str, Any]  # the host arrays passed to TaskBatch.pack


class TrainedModel(Protocol):
    """The members of `models.Model` that step graphs use."""

    config: Any
    params: Tree
    objective: Any

    def pack_batch(self, **arrays: Any) -> Batch: ...
    def pack_on_host(self, **arrays: Any) -> Batch: ...
    def can_be_captured(self) -> bool: ...
    def packed_loss_and_gradients(self, *args: Any) -> tuple[Any, Tree]: ...


@dataclass(frozen=True)
class DeviceRandomKey(RandomKey):
    """A random key whose step is read from device memory.

    device_step_words   (2,) uint32 on the device: `step_words`, read anew at each replay of a captured step.
    """

    device_step_words: Array = None


class StepGraphs:
    """Compute `packed_loss_and_gradients` of a model for host arrays, eagerly or by replaying a captured graph.

    capture: whether to capture graphs; None: if the device runs CUDA kernels and the objective can be captured.
    """

    def __init__(self, model: TrainedModel, capture: bool | None = None) -> None:
        flat = model.params.flat
        possible = kernels_run(flat) and has_kernels(flat) and hasattr(backend.of(flat), "capture")
        self.model, self.capture = model, possible and model.can_be_captured() if capture is None else capture
        self.occurrences: Counter[Any] = Counter()
        self.graphs: dict[Any, StepGraph] = {}

    def __call__(self, arrays: Arrays, grads: Tree, denominators: dict[str, Any], dropout_key: RandomKey | None) -> Any:
        """Return the losses of a batch and add the gradient to grads. denominators: numbers, or 0-d arrays on the device."""
        if self.capture and not dispatch.overrides:
            shape = BatchShape(arrays, self.model, grads, dropout_key)
            self.occurrences[shape.key] += 1
            if self.occurrences[shape.key] > WARMUP and shape.key not in self.graphs and len(self.graphs) < MAX_GRAPHS:
                self.graphs[shape.key] = StepGraph(shape, self.model, grads, denominators, dropout_key)
            if shape.key in self.graphs:
                return self.graphs[shape.key](shape, denominators, dropout_key)
        batch = self.model.pack_batch(**arrays)
        return self.model.packed_loss_and_gradients(batch, grads, denominators, dropout_key)[0]


def round_up(n: int, multiple: int = 8) -> int:
    """Round n up to a multiple of `multiple` and of an eighth of the largest power of two that is not above n."""
    step = max(multiple, 1 << max(0, n.bit_length() - 4))
    return -(-n // step) * step


def bucket_size(length: int) -> int:
    """Return the length L of the tile for a sequence of this length: 8, 16, 24, 32, 48, 64, 96, 128, and then multiples of 64."""
    step = 64 if length > 128 else max(8, 1 << max(0, (length - 1).bit_length() - 2))
    return -(-length // step) * step


class BatchShape:
    """A batch padded to a shape that it shares with many others. integers, numbers: its host arrays by name, for the device."""

    def __init__(self, arrays: Arrays, model: TrainedModel, grads: Tree, dropout_key: RandomKey | None) -> None:
        self.batch = model.pack_on_host(**arrays)
        sequences: Any = self.batch.sequences
        starts, lengths, rows = sequences.starts, sequences.lengths, sequences.output_rows
        N, B = len(self.batch.ids), len(lengths)
        spare = 1 if rows is None else max(1, round_up(len(rows)) - len(rows))  # one padding row for each padding output row
        self.N, self.B = round_up(N + spare), round_up(B)
        padded = padded_arrays(self.batch, self.N, self.B)
        padded["starts"] = pad_rows(starts, self.B, N)
        if rows is not None:
            padded["output_rows"] = np.concatenate([rows, np.arange(N, N + round_up(len(rows)) - len(rows))])
        self.tiles: list[tuple[int, int]] = []  # (G, L) of each
        A = model.config.num_attention_heads
        for k, (members, L) in enumerate(plan(lengths.tolist(), A, grads.flat.dtype.itemsize, bucket_size)):
            G = round_up(len(members), 4 if L <= 64 else 1)  # long padding sequences would cost too much
            padded[f"tile_starts_{k}"] = pad_rows(starts[members], G, 0)
            padded[f"tile_lengths_{k}"] = pad_rows(lengths[members], G, 0)
            if sequences.prefix_lengths is not None:
                padded[f"tile_prefixes_{k}"] = pad_rows(np.asarray(sequences.prefix_lengths)[members], G, 0)
            self.tiles.append((G, L))
        self.integers = {name: x for name, x in padded.items() if x.dtype.kind in "iub"}
        self.numbers = {name: x for name, x in padded.items() if name not in self.integers}
        shapes = tuple((name, x.shape) for part in (self.integers, self.numbers) for name, x in part.items())
        smoothing = getattr(self.batch, "label_smoothing", 0.0)
        self.key = (shapes, tuple(self.tiles), smoothing, id(grads), None if dropout_key is None else dropout_key.seed)


def padded_arrays(batch: Batch, N: int, B: int) -> dict[str, np.ndarray]:
    """Return the arrays of a host batch by name, padded to N tokens and B sequences along the axes that its fields declare."""
    groups = get_groups(batch)
    Q = 0 if groups is None else round_up(len(groups))
    sizes, padding_row = {"token": N, "sequence": B, "group": Q}, {"token": len(batch.ids), "sequence": B - 1, "group": Q - 1}
    padded: dict[str, np.ndarray] = {}
    for field in fields(batch):
        value, about = getattr(batch, field.name), field.metadata
        if "axis" in about and value is not None:
            fill = padding_row[about["rows"]] if about["rows"] else about["padding"]
            padded[field.name] = pad_rows(value, sizes[about["axis"]], fill)
        for name, items in named_items(field.name, value):
            M = sizes[items.axis] if items.rows is None else round_up(len(items)) if len(items) else 0
            padded[name + ".labels"] = pad_rows(items.labels, M, 0)
            padded[name + ".weights"] = pad_rows(np.ones(len(items)), M, 0)
            if items.rows is not None:
                padded[name + ".rows"] = pad_rows(items.rows, M, padding_row[items.axis])
    return padded


def with_arrays(batch: Batch, arrays: dict[str, Array], sequences: PackedSequences) -> Batch:
    """Return the batch with other arrays, under the names that `padded_arrays` returns."""
    changes: dict[str, Any] = {"sequences": sequences}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if field.name in arrays:
            changes[field.name] = arrays[field.name]
        items = [
            Items(arrays[name + ".labels"], arrays.get(name + ".rows"), arrays[name + ".weights"], items.axis)
            for name, items in named_items(field.name, value)
        ]
        if items:
            changes[field.name] = tuple(items) if isinstance(value, tuple) else items[0]
    return replace(batch, **changes)


def named_items(name: str, value: Any) -> list[tuple[str, Items]]:
    """Return the labelled items of a field with their names."""
    if isinstance(value, tuple):
        return [(f"{name}.{i}", items) for i, items in enumerate(value)]
    return [(name, value)] if isinstance(value, Items) else []


def pad_rows(x: np.ndarray, size: int, value: int) -> np.ndarray:
    """Return x followed by rows of this value, `size` rows in all."""
    x = np.asarray(x)
    return np.concatenate([x, np.full((size - len(x), *x.shape[1:]), value, x.dtype)])


class StepGraph:
    """The device arrays of a shape, and its step: run once eagerly on them, then captured, then replayed."""

    def __init__(
        self, shape: BatchShape, model: TrainedModel, grads: Tree, denominators: dict[str, Any], dropout_key: RandomKey | None
    ) -> None:
        self.model, self.flat = model, grads.flat
        self.dtype = arithmetic(model.params.flat.dtype)
        self.integers = backend.asarray_like(concatenate(shape.integers, np.int64), self.flat)
        self.numbers = backend.asarray_like(concatenate(shape.numbers, self.dtype), self.flat)
        self.words = backend.asarray_like(np.zeros(2, np.uint32), self.flat)
        self.denominators = {name: backend.asarray_like(np.ones((), self.dtype), self.flat) for name in denominators}
        views = self.views(shape)
        batch = with_arrays(shape.batch, views, self.sequences(shape, views))
        key = None if dropout_key is None else DeviceRandomKey(dropout_key.seed, device_step_words=self.words)

        def work() -> Any:
            results, cache = model.objective.forward(batch, model.params, model.config, self.denominators, key)
            model.objective.backward(1.0, cache, model.params, grads, model.config, batch)
            return results

        self.work, self.output = work, None
        self.replay: Callable[[], None] | None = None

    def __call__(self, shape: BatchShape, denominators: dict[str, Any], dropout_key: RandomKey | None) -> Any:
        self.send(shape, denominators, dropout_key)
        if self.output is None:
            self.output = self.work()  # compiles kernels and allocates workspaces, which cannot be captured
        elif self.replay is None:
            self.replay, self.output = backend.of(self.flat).capture(self.work)
        else:
            self.replay()
        return self.results(shape)

    def send(self, shape: BatchShape, denominators: dict[str, Any], dropout_key: RandomKey | None) -> None:
        """Copy the batch into the device arrays that the graph reads, without waiting."""
        self.integers[...] = backend.asarray_like(concatenate(shape.integers, np.int64), self.flat)
        self.numbers[...] = backend.asarray_like(concatenate(shape.numbers, self.dtype), self.flat)
        for name, target in self.denominators.items():
            value = denominators[name]
            on_host = isinstance(value, float | int)
            target[...] = backend.asarray_like(np.full((), value, self.dtype), self.flat) if on_host else value
        if dropout_key is not None:
            self.words[...] = backend.asarray_like(np.array(dropout_key.step_words(), np.uint32), self.flat)

    def results(self, shape: BatchShape) -> Any:
        """Return copies of the results, which the next replay overwrites, with the numbers of items that are not padding."""
        copies, batch = copy_results(self.output), shape.batch
        M = 0 if batch.masked is None else len(batch.masked)
        if hasattr(copies, "answers"):
            items = [each for field in fields(batch) for _, each in named_items(field.name, getattr(batch, field.name))]
            return replace(copies, answers=M or sum(each.labels.size for each in items))
        return replace(copies, masked=M, sequences=len(batch.order) if batch.order is not None else 0)

    def views(self, shape: BatchShape) -> dict[str, Array]:
        """Return the arrays of the shape as views of the two flat arrays that `send` fills."""
        views: dict[str, Array] = {}
        for arrays, flat in ((shape.integers, self.integers), (shape.numbers, self.numbers)):
            at = 1
            for name, x in arrays.items():
                views[name] = flat[at : at + x.size].reshape(*x.shape)
                at += x.size
        return views

    def sequences(self, shape: BatchShape, views: dict[str, Array]) -> PackedSequences:
        """Return sequences whose lengths exist only on the device, in tiles."""
        zeros = np.zeros(shape.B, np.intp)
        packed = PackedSequences(zeros, views["starts"], views.get("output_rows"), padding=shape.N)
        tiles = [
            Tile([], [], views[f"tile_starts_{k}"], views[f"tile_lengths_{k}"], views.get(f"tile_prefixes_{k}"), G, L)
            for k, (G, L) in enumerate(shape.tiles)
        ]
        packed.memo[tiles_key(self.model.config.num_attention_heads, self.model.params.flat.dtype)] = tiles
        return packed


def concatenate(arrays: dict[str, np.ndarray], dtype: DTypeLike) -> np.ndarray:
    """Return all arrays in one, flattened; a leading dummy element keeps it non-empty."""
    return np.concatenate([np.zeros(1, dtype), *(x.astype(dtype).reshape(-1) for x in arrays.values())])


def copy_results(results: Any) -> Any:
    """Return a dataclass of results with copies of its arrays."""
    assert is_dataclass(results) and not isinstance(results, type)
    values = {field.name: getattr(results, field.name) for field in fields(results)}
    return replace(results, **{name: x.copy() for name, x in values.items() if hasattr(x, "dtype")})
