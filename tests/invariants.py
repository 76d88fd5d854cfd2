"""What must hold of the whole model whatever its numbers are. Each is a function of a config that raises AssertionError."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np

import albert_np as ab
from albert_np.core import dispatch as kernels
from albert_np.core.batch import Batch
from albert_np.core.dispatch import Kept
from albert_np.core.model.albert import pretraining, pretraining_backward
from albert_np.core.params import Tree, shapes
from albert_np.core.random import Dropout
from albert_np.core.sequences import Sequences
from albert_np.engine import shards as parts
from albert_np.engine import threads
from albert_np.gradcheck.examples import TINY, parameters
from albert_np.models.config import AlbertConfig

LENGTHS = (5, 1, 7, 3)
DROPOUT = TINY.replace(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3)


def sequence(number: int) -> dict[str, Any]:
    """One example, by its number."""
    rng = np.random.default_rng(number)
    T = LENGTHS[number]
    masked = np.sort(rng.choice(T, max(1, T // 2), replace=False))
    return dict(
        ids=rng.integers(5, 15, T), token_types=rng.integers(0, 2, T), positions=np.arange(T), examples=np.array([100 + number]),
        lengths=np.array([T]), masked_rows=masked, masked_labels=rng.integers(0, TINY.vocab_size, len(masked)),
        order_labels=np.array([number % 2]),
    )  # fmt: skip


def batch_of(*numbers: int) -> Batch:
    """These examples, in this order."""
    parts = [sequence(number) for number in numbers]
    starts = np.cumsum([0] + [LENGTHS[number] for number in numbers])
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    joined["masked_rows"] = np.concatenate([part["masked_rows"] + start for part, start in zip(parts, starts)])
    return Batch.pack(**joined)


def gradients(
    config: AlbertConfig,
    batch: Batch,
    rng: Dropout | None = None,
    grads: Tree | None = None,
    denominators: Any = None,
    p: Any = None,
) -> tuple[float, Tree]:
    """-> loss, gradients"""
    p = parameters(shapes(config), 3) if p is None else p
    grads = p.zeros_like() if grads is None else grads
    results, cache = pretraining(batch, p, config, denominators, rng)
    pretraining_backward(cache, p, grads, config, batch)
    return float(results.loss), grads


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def recomputing_changes_nothing(config: AlbertConfig = DROPOUT) -> None:
    """Not a bit, dropout included."""
    for rng in (None, Dropout(4, step=6)):
        kept = gradients(config.replace(recompute=False), batch_of(0, 1, 2, 3), rng)
        again = gradients(config.replace(recompute=True), batch_of(0, 1, 2, 3), rng)
        assert kept[0] == again[0] and kept[1].flat.tobytes() == again[1].flat.tobytes()


def order_of_sequences_changes_nothing(config: AlbertConfig = DROPOUT) -> None:
    """With dropout, too: masks belong to examples, not to places."""
    for rng in (None, Dropout(4, step=6)):
        loss, grads = gradients(config, batch_of(0, 1, 2, 3), rng)
        shuffled, again = gradients(config, batch_of(2, 0, 3, 1), rng)
        close(loss, shuffled)
        close(grads.flat, again.flat)


def every_sequence_by_itself(config: AlbertConfig = DROPOUT) -> None:
    """A batch is its sequences one by one: no token meets another sequence's."""
    p, counts = parameters(shapes(config), 3), {"mlm": 9.0, "sop": 4.0}
    for rng in (None, Dropout(4, step=6)):
        together, _ = pretraining(batch_of(0, 1, 2, 3), p, config, counts, rng)
        alone = [pretraining(batch_of(number), p, config, counts, rng)[0] for number in range(4)]
        close(together.mlm_loss, sum(part.mlm_loss for part in alone))
        close(together.sop_loss, sum(part.sop_loss for part in alone))


def micro_batches_add_up(config: AlbertConfig = DROPOUT) -> None:
    """Two micro-batches with the whole batch's denominators are the batch: loss and gradients."""
    rng, counts = Dropout(4, step=6), {"mlm": 7.0, "sop": 4.0}
    loss, grads = gradients(config, batch_of(0, 1, 2, 3), rng, denominators=counts)
    one, halves = gradients(config, batch_of(0, 1), rng, denominators=counts)
    two, halves = gradients(config, batch_of(2, 3), rng, halves, denominators=counts)
    close(loss, one + two)
    close(grads.flat, halves.flat)


def masks_differ_wherever_they_should(config: AlbertConfig = DROPOUT) -> None:
    """Seeds, steps, layers and places of a layer have masks of their own."""
    batch, p = batch_of(2), parameters(shapes(config), 3)
    losses = [float(pretraining(batch, p, config, None, rng)[0].loss) for rng in (Dropout(1, 1), Dropout(1, 2), Dropout(2, 1))]
    assert len(set(losses)) == 3, "seeds or steps share their masks"
    _, cache = pretraining(batch, p, config, None, Dropout(1, 1))
    blocks = [block for layer in cache[1][1][1] for block in layer]  # the body's cache, the encoder's, all layers
    sums = [cache.cache if isinstance(cache, Kept) else cache for block in blocks for cache in (block[1], block[3])]
    masks = [keep.tobytes() for (keep, _), _ in sums]  # a residual's cache: the dropout's, the norm's
    assert len(set(masks)) == len(masks) == 2 * config.num_hidden_layers, "two places share a mask"


def twins_change_nothing(config: AlbertConfig = DROPOUT) -> None:
    """The textbook's losses and gradients, with dropout, too; and the last layer is computed only where it is read."""
    for rng in (None, Dropout(4, step=6)):
        with kernels.textbook():
            loss, grads = gradients(config, batch_of(0, 1, 2, 3), rng)
        with kernels.textbook(False):
            again, twins = gradients(config, batch_of(0, 1, 2, 3), rng)
        close(loss, again)
        close(grads.flat, twins.flat)


def in_threads(k: int) -> Any:
    """Within it, batches are computed in k parts, however small."""
    stack = ExitStack()
    stack.enter_context(mock.patch.object(threads, "count", lambda: k))
    stack.enter_context(mock.patch.object(parts, "WORTH_IT", 1))
    stack.enter_context(mock.patch.object(parts, "SERIAL", 1.0))
    return stack


def threads_change_nothing(config: AlbertConfig = DROPOUT) -> None:
    """A batch in parts is the batch."""
    model = ab.AlbertForPreTraining.of(config, parameters(shapes(config), 3))
    for rng in (None, Dropout(4, step=6)):
        for counts in (None, {"mlm": 7.0, "sop": 5.0}):
            whole, grads = model.packed_loss_and_gradients(batch_of(0, 1, 2, 3), None, counts, rng)
            with in_threads(3):
                together, again = model.packed_loss_and_gradients(batch_of(0, 1, 2, 3), None, counts, rng)
            for name, value in vars(whole).items():
                close(getattr(together, name), value)
            close(grads.flat, again.flat)


# ---- the same of fine-tuning ----

C = 4
TASK_CONFIG = DROPOUT.replace(num_labels=C, classifier_dropout_prob=0.25)
TASKS = {
    "classes": (ab.AlbertForSequenceClassification, TASK_CONFIG),
    "sets": (ab.AlbertForSequenceClassification, TASK_CONFIG),
    "numbers": (ab.AlbertForSequenceClassification, TASK_CONFIG.replace(problem_type="regression")),
    "tokens": (ab.AlbertForTokenClassification, TASK_CONFIG.replace(fusion_layers=(1, 3))),
    "spans": (ab.AlbertForQuestionAnswering, TASK_CONFIG.replace(num_labels=2, fusion_layers=(1, 2))),
    "relations": (ab.AlbertForRelationClassification, TASK_CONFIG),
    "translation": (ab.AlbertForTranslation, TASK_CONFIG.replace(fusion_layers=(1, 3))),
}
SOURCES = (2, 1, 3, 1)  # tokens of each sequence that are the source, for translation
ENTITIES = ((3, 1), (0, 0), (2, 6), (1, 2))  # where each sequence's entities are read, for relations


def task_labels(task: str, number: int) -> list[tuple[Any, Any]]:
    """`Batch.labels` of one example by itself. The second has no class, the third no end of its answer."""
    rng = np.random.default_rng(number)
    T, first, none = LENGTHS[number], np.array([0]), np.zeros(0, np.int64)
    if task in ("classes", "relations"):
        return [(none, none)] if number == 1 else [(first, np.array([(3 * number + 1) % C]))]
    if task == "sets":
        return [(first, rng.integers(0, 2, (1, C)).astype(float))]
    if task == "numbers":
        return [(first, rng.standard_normal((1, C)))]
    if task == "tokens":
        return [(np.arange(0, T, 2), rng.integers(C, size=len(range(0, T, 2))))]
    return [(first, rng.integers(T, size=1)), (none, none) if number == 2 else (first, rng.integers(T, size=1))]


def task_batch_of(task: str, *numbers: int) -> Batch:
    """These examples, in this order, with the labels of a task."""
    if task == "translation":
        return translation_batch_of(*numbers)
    parts = [task_labels(task, number) for number in numbers]
    lengths = [LENGTHS[number] if task == "tokens" else 1 for number in numbers]  # rows of the head's tables
    starts = np.cumsum([0, *lengths])
    labels = tuple(
        (np.concatenate([rows + start for (rows, _), start in zip(table, starts)]), np.concatenate([items for _, items in table]))
        for table in zip(*parts)
    )
    batch = replace(batch_of(*numbers), masked_rows=None, masked_labels=None, order_labels=None, labels=labels)
    if task == "relations":
        batch = replace(batch, entity_rows=np.array([ENTITIES[number] for number in numbers]) + batch.sequences.starts[:, None])
    return batch


def translation_batch_of(*numbers: int) -> Batch:
    """These examples, in this order: every row from the source's last on predicts, but that the third one's last does not."""
    batch = batch_of(*numbers)
    sources = np.array([SOURCES[number] for number in numbers])
    rows, labels = [], []
    for number, first, start in zip(numbers, sources, batch.sequences.starts):
        last = LENGTHS[number] - (number == 2)
        rows.append(np.arange(start + first - 1, start + last))
        labels.append(np.random.default_rng(number).integers(0, TINY.vocab_size, last - first + 1))
    sequences = Sequences.of_lengths(batch.sequences.lengths, sources)
    return replace(
        batch, sequences=sequences, masked_rows=np.concatenate(rows), masked_labels=np.concatenate(labels), order_labels=None,
        label_smoothing=0.1,
    )  # fmt: skip


def task_model(task: str, **changes: Any) -> Any:
    """A model of this task, far from a fresh one."""
    model, config = TASKS[task]
    config = config.replace(**changes)
    return model.of(config, parameters(shapes(config, model.parts), 3))


RNGS = None, Dropout(4, step=6)
COUNT = {"task": 5.0, "mlm": 7.0}


def order_of_sequences_changes_no_task(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for rng in RNGS:
            results, grads = model.packed_loss_and_gradients(task_batch_of(task, 0, 1, 2, 3), rng=rng)
            shuffled, again = model.packed_loss_and_gradients(task_batch_of(task, 2, 0, 3, 1), rng=rng)
            close(results.loss, shuffled.loss)
            close(grads.flat, again.flat)


def every_sequence_of_a_task_by_itself(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for rng in RNGS:
            together, grads = model.packed_loss_and_gradients(task_batch_of(task, 0, 1, 2, 3), None, COUNT, rng)
            sum_of = model.params.zeros_like()
            alone = [model.packed_loss_and_gradients(task_batch_of(task, i), sum_of, COUNT, rng)[0].loss for i in range(4)]
            close(together.loss, sum(alone))
            close(grads.flat, sum_of.flat)


def micro_batches_of_tasks_add_up(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for rng in RNGS:
            whole, grads = model.packed_loss_and_gradients(task_batch_of(task, 0, 1, 2, 3), None, COUNT, rng)
            one, halves = model.packed_loss_and_gradients(task_batch_of(task, 0, 1), None, COUNT, rng)
            two, halves = model.packed_loss_and_gradients(task_batch_of(task, 2, 3), halves, COUNT, rng)
            close(whole.loss, one.loss + two.loss)
            close(grads.flat, halves.flat)


def recomputing_changes_no_task(tasks: Any = TASKS) -> None:
    for task in tasks:
        for rng in RNGS:
            found = [
                task_model(task, recompute=recompute).packed_loss_and_gradients(task_batch_of(task, 0, 1, 2, 3), rng=rng)
                for recompute in (False, True)
            ]
            assert found[0][0].loss == found[1][0].loss and found[0][1].flat.tobytes() == found[1][1].flat.tobytes()


def threads_change_no_task(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for rng in RNGS:
            whole, grads = model.packed_loss_and_gradients(task_batch_of(task, 0, 1, 2, 3), None, COUNT, rng)
            with in_threads(3):
                together, again = model.packed_loss_and_gradients(task_batch_of(task, 0, 1, 2, 3), None, COUNT, rng)
            close(whole.loss, together.loss)
            close(grads.flat, again.flat)
