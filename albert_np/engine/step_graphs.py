"""Training steps on a GPU, recorded once and replayed as a whole: then the host no longer pays for each launch (CUDA graphs).

A recording holds addresses and sizes, nothing else. So a batch must lie where the recorded one lay, and have its form: the
numbers of tokens, of sequences and of items are rounded up (`rounded`, at most an eighth more), with rows that belong to no
sequence and items of weight 0, which add exact zeros. Sequences go into tiles of a few lengths. What changes from step to step is
read on the device: ids, rows and lengths, by what the losses are divided, and the step's part of the dropout key.

A form is computed as it comes until it has been seen SEEN times; real text has few forms once batches are balanced.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.batch import Batch, rows_read
from albert_np.core.dispatch import twins_of
from albert_np.core.params import Tree
from albert_np.core.random import Dropout
from albert_np.core.sequences import Sequences
from albert_np.engine.gpu.attention import ON_DEVICE
from albert_np.engine.gpu.launch import arithmetic
from albert_np.engine.gpu.tiles import Tile, plan
from albert_np.models.base import Model

SEEN = 3  # times that a form is computed as it comes
MOST = 64  # forms that are recorded
Arrays = dict[str, Any]  # the host arrays that Batch.pack takes


class Steps:
    """`packed_loss_and_gradients` of a model, for host arrays: as they come, or where it pays from a recording.

    record: None for where it is possible: on a device that runs CUDA, with twins, and an objective that can be recorded.
    """

    def __init__(self, model: Model, record: bool | None = None) -> None:
        flat = model.params.flat
        possible = twins_of(flat) is not None and backend.has_kernels(flat) and hasattr(backend.of(flat), "record")
        self.model, self.record = model, possible and model.can_be_recorded() if record is None else record
        self.seen: Counter[Any] = Counter()
        self.recordings: dict[Any, Recording] = {}

    def __call__(self, arrays: Arrays, grads: Tree, denominators: dict[str, Any], rng: Dropout | None) -> Any:
        """The losses of a batch; adds the gradient into grads. denominators: numbers, or 0-d arrays on the device."""
        if self.record:
            form = Form(arrays, self.model, grads, rng)
            self.seen[form.key] += 1
            if self.seen[form.key] > SEEN and form.key not in self.recordings and len(self.recordings) < MOST:
                self.recordings[form.key] = Recording(form, self.model, grads, denominators, rng)
            if form.key in self.recordings:
                return self.recordings[form.key](form, denominators, rng)
        batch = Batch.pack(**arrays, like=grads.flat)
        return self.model.packed_loss_and_gradients(batch, grads, denominators, rng)[0]


def rounded(n: int, least: int = 8) -> int:
    """n or a little more: a multiple of `least`, and of an eighth of the power of two below it."""
    step = max(least, 1 << max(0, n.bit_length() - 4))
    return -(-n // step) * step


def rung(length: int) -> int:
    """The L of the tile that a sequence goes into: 8, 16, 24, 32, 48, 64, 96, 128, and then multiples of 64."""
    step = 64 if length > 128 else max(8, 1 << max(0, (length - 1).bit_length() - 2))
    return -(-length // step) * step


class Form:
    """A batch filled up to a form that many others have. integers, numbers: all that it is made of, to be sent to the device."""

    def __init__(self, arrays: Arrays, model: Model, grads: Tree, rng: Dropout | None) -> None:
        lengths = np.asarray(arrays["lengths"])
        starts = np.cumsum(lengths) - lengths
        masked, order, labels = arrays.get("masked_rows"), arrays.get("order_labels"), arrays.get("labels") or ()
        entities, self.smoothing = arrays.get("entity_rows"), arrays.get("label_smoothing", 0.0)
        # of a translation only the rows that predict are read, but reading more does no harm
        read = rows_read(Sequences(starts, lengths), masked, entities)
        N, self.B, R = len(arrays["ids"]), len(lengths), rounded(len(read))
        self.N = rounded(N + max(1, R - len(read)))  # filling, a row for each that is read in vain
        unread = np.arange(N, N + R - len(read))
        B = rounded(self.B)
        examples = arrays.get("examples")
        examples = np.arange(self.B) if examples is None else examples
        within = np.arange(N) - np.repeat(starts, lengths)
        filled: Arrays = {name: filled_up(arrays[name], self.N, 0) for name in ("ids", "positions", "token_types")}
        filled["dropout_rows"] = filled_up(np.stack([np.repeat(examples, lengths), within], axis=1), self.N, 0)
        filled["read"], filled["starts"] = np.concatenate([read, unread]), filled_up(starts, B, N)
        self.M = 0 if masked is None else len(masked)
        weights: dict[str, Any] = {}
        if masked is not None:
            M = rounded(self.M) if self.M else 0
            filled["masked_rows"], filled["masked_labels"] = filled_up(masked, M, N), filled_up(arrays["masked_labels"], M, 0)
            weights["mlm"] = filled_up(np.ones(self.M), M, 0)
        if order is not None:
            filled["order_labels"], weights["sop"] = filled_up(order, B, 0), filled_up(np.ones(len(order)), B, 0)
        if entities is not None:
            filled["entity_rows"] = filled_up(entities, B, N)
        rows_of_labels = self.N if model.labels_of == "tokens" else B
        self.items = 0
        for i, (rows, items) in enumerate(labels):
            # a label that is none stands at the last row, which is filling wherever there is any
            many = rounded(len(rows)) if len(rows) else 0
            filled[f"label_rows_{i}"], filled[f"labels_{i}"] = (
                filled_up(rows, many, rows_of_labels - 1),
                filled_up(items, many, 0),
            )
            weights[f"task_{i}"] = filled_up(np.ones(len(rows)), many, 0)
            self.items += items.size
        self.tiles: list[tuple[int, int]] = []  # G and L of each
        A = model.config.num_attention_heads
        for numbers, L in plan(lengths.tolist(), A, grads.flat.dtype.itemsize, rung):
            G, k = rounded(len(numbers), 4 if L <= 64 else 1), len(self.tiles)  # a long sequence is too much work to do in vain
            filled[f"tile_starts_{k}"] = filled_up(starts[numbers], G, 0)
            filled[f"tile_lengths_{k}"] = filled_up(lengths[numbers], G, 0)
            if arrays.get("source_lengths") is not None:
                filled[f"tile_sources_{k}"] = filled_up(np.asarray(arrays["source_lengths"])[numbers], G, 0)
            self.tiles.append((G, L))
        self.integers = {name: x for name, x in filled.items() if x.dtype.kind in "iub"}
        self.numbers = {name: x for name, x in {**filled, **weights}.items() if name not in self.integers}
        shapes = tuple((name, x.shape) for part in (self.integers, self.numbers) for name, x in part.items())
        dropout = None if rng is None else rng.seed
        self.key = (shapes, tuple(self.tiles), self.smoothing, id(grads), dropout)


def filled_up(x: Any, size: int, value: int) -> np.ndarray:
    """x and after it rows of this value, `size` of them together"""
    x = np.asarray(x)
    return np.concatenate([x, np.full((size - len(x), *x.shape[1:]), value, x.dtype)])


class Recording:
    """Where on the device a form's numbers lie, and its step: computed from there once, then recorded."""

    def __init__(self, form: Form, model: Model, grads: Tree, denominators: dict[str, Any], rng: Dropout | None) -> None:
        self.model, self.flat = model, grads.flat
        self.exact = arithmetic(model.params.flat.dtype)
        self.integers = backend.asarray_like(joined(form.integers, np.int64), self.flat)
        self.numbers = backend.asarray_like(joined(form.numbers, self.exact), self.flat)
        self.words = backend.asarray_like(np.zeros(2, np.uint32), self.flat)
        self.divisors = {name: backend.asarray_like(np.ones((), self.exact), self.flat) for name in denominators}
        batch = self.batch(form)
        rng = None if rng is None else replace(rng, step_words=self.words)
        forward, backward = model.objective

        def work() -> Any:
            results, cache = forward(batch, model.params, model.config, self.divisors, rng)
            backward(cache, model.params, grads, model.config, batch)
            return results

        self.work, self.found = work, None
        self.replay: Callable[[], None] | None = None

    def __call__(self, form: Form, denominators: dict[str, Any], rng: Dropout | None) -> Any:
        self.send(form, denominators, rng)
        if self.found is None:
            self.found = self.work()  # whatever is compiled or made ready at the first time is so now
        elif self.replay is None:
            self.replay, self.found = backend.of(self.flat).record(self.work)
        else:
            self.replay()
        return self.results(form)

    def send(self, form: Form, denominators: dict[str, Any], rng: Dropout | None) -> None:
        """The form's numbers to where the recording reads them; nobody waits."""
        self.integers[...] = backend.asarray_like(joined(form.integers, np.int64), self.flat)
        self.numbers[...] = backend.asarray_like(joined(form.numbers, self.exact), self.flat)
        for name, divisor in self.divisors.items():
            given = denominators[name]
            host = isinstance(given, float | int)
            divisor[...] = backend.asarray_like(np.full((), given, self.exact), self.flat) if host else given
        if rng is not None:
            self.words[...] = backend.asarray_like(np.array(rng.words_of_step(), np.uint32), self.flat)

    def results(self, form: Form) -> Any:
        """Copies, as the next replay writes over what this one found; with the numbers of real items."""
        found = copied(self.found)
        if hasattr(found, "answers"):
            return replace(found, answers=form.M if form.M else form.items)
        return replace(found, masked=form.M, sequences=form.B if found.sequences else 0)

    def batch(self, form: Form) -> Batch:
        """The batch whose arrays are views of what `send` fills."""
        views: Arrays = {}
        for parts, flat in ((form.integers, self.integers), (form.numbers, self.numbers)):
            at = 1
            for name, x in parts.items():
                views[name] = flat[at : at + x.size].reshape(*x.shape)
                at += x.size
        pairs = [(views[f"label_rows_{i}"], views[f"labels_{i}"]) for i in range(len(views)) if f"label_rows_{i}" in views]
        weights: Arrays = {name: views[name] for name in ("mlm", "sop") if name in views}
        weights["task"] = tuple(views[f"task_{i}"] for i in range(len(pairs)))
        return Batch(
            views["ids"], views["positions"], views["token_types"], self.sequences(form, views), views["dropout_rows"],
            views.get("masked_rows"), views.get("masked_labels"), views.get("order_labels"), tuple(pairs) or None,
            views.get("entity_rows"), views["read"], form.smoothing, weights,
        )  # fmt: skip

    def sequences(self, form: Form, views: Arrays) -> Sequences:
        """Sequences that nobody may ask for their lengths: these are on the device, in tiles."""
        B = len(views["starts"])
        made = Sequences(np.zeros(B, np.int64), np.zeros(B, np.int64), filling=form.N)
        made.put_first_rows(views["starts"])
        tiles = [
            Tile([], [], views[f"tile_starts_{k}"], views[f"tile_lengths_{k}"], views.get(f"tile_sources_{k}"), G, L)
            for k, (G, L) in enumerate(form.tiles)
        ]
        made.remember((ON_DEVICE, self.model.config.num_attention_heads, self.model.params.flat.dtype), lambda: tiles)
        return made


def joined(parts: Arrays, dtype: Any) -> np.ndarray:
    """All of them end to end; the first number is nobody's, so that there is one."""
    return np.concatenate([np.zeros(1, dtype), *(x.astype(dtype).reshape(-1) for x in parts.values())])


def copied(results: Any) -> Any:
    """A dataclass of results whose arrays are copies."""
    assert is_dataclass(results) and not isinstance(results, type)
    values = {field.name: getattr(results, field.name) for field in fields(results)}
    return replace(results, **{name: x.copy() for name, x in values.items() if hasattr(x, "dtype")})
