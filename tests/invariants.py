"""Invariants of the whole model, whatever its numbers are. Each is a function that raises AssertionError.

They catch mistakes that a gradient check cannot catch, because the forward and the backward pass agree with each other.
"""

import math
from contextlib import ExitStack
from itertools import product
from typing import Any
from unittest import mock

import numpy as np

import albert_np as ab
from albert_np.core import optim, reference
from albert_np.core.dispatch import Tagged, untagged
from albert_np.core.model.albert import pretraining, pretraining_backward
from albert_np.core.params import Tree, flat_size
from albert_np.core.random import RandomKey
from albert_np.engine import shards, threads
from albert_np.gradcheck.examples import TINY, parameters
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.objective import PRETRAINING
from albert_np.models.shapes import shapes

LENGTHS = (5, 1, 7, 3)
DROPOUT = TINY.replace(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3)
HOST = np.empty(0)


def sequence(index: int) -> dict[str, Any]:
    """Return one example by its index."""
    rng = np.random.default_rng(index)
    T = LENGTHS[index]
    masked = np.sort(rng.choice(T, max(1, T // 2), replace=False))
    return dict(
        ids=rng.integers(5, 15, T), token_types=rng.integers(0, 2, T), positions=np.arange(T), examples=np.array([100 + index]),
        lengths=np.array([T]), masked_rows=masked, masked_labels=rng.integers(0, TINY.vocab_size, len(masked)),
        order_labels=np.array([index % 2]),
    )  # fmt: skip


def joined_arrays(*indices: int) -> dict[str, Any]:
    """Return the host arrays of these examples, in this order."""
    examples = [sequence(index) for index in indices]
    starts = np.cumsum([0] + [LENGTHS[index] for index in indices])
    joined = {key: np.concatenate([example[key] for example in examples]) for key in examples[0]}
    joined["masked_rows"] = np.concatenate([each["masked_rows"] + start for each, start in zip(examples, starts)])
    return joined


def make_batch(*indices: int) -> TaskBatch:
    """Return a batch of these examples, in this order."""
    return PRETRAINING.pack(joined_arrays(*indices), HOST)


def gradients(
    config: AlbertConfig,
    batch: TaskBatch,
    key: RandomKey | None = None,
    grads: Tree | None = None,
    denominators: Any = None,
    p: Any = None,
) -> tuple[float, Tree]:
    """Return loss and gradients."""
    p = parameters(shapes(config), 3) if p is None else p
    grads = p.zeros_like() if grads is None else grads
    results, cache = pretraining(batch, p, config, denominators, key)
    pretraining_backward(1.0, cache, p, grads, config, batch)
    return float(results.loss), grads


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def recomputing_changes_nothing(config: AlbertConfig = DROPOUT) -> None:
    """Bit for bit, dropout included, with one group of one block as with several of two."""
    groups = config.replace(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2) if config.sharing == "all" else config
    for each, key in product((config, groups), (None, RandomKey(4, step=6))):
        loss, grads = gradients(each.replace(recompute=False), make_batch(0, 1, 2, 3), key)
        again, recomputed = gradients(each.replace(recompute=True), make_batch(0, 1, 2, 3), key)
        assert loss == again and grads.flat.tobytes() == recomputed.flat.tobytes()


def order_of_sequences_changes_nothing(config: AlbertConfig = DROPOUT) -> None:
    """Also with dropout, as masks belong to examples, not to positions in the batch."""
    for key in (None, RandomKey(4, step=6)):
        loss, grads = gradients(config, make_batch(0, 1, 2, 3), key)
        shuffled, again = gradients(config, make_batch(2, 0, 3, 1), key)
        close(loss, shuffled)
        close(grads.flat, again.flat)


def every_sequence_by_itself(config: AlbertConfig = DROPOUT) -> None:
    """A batch is its sequences one by one: no token attends to another sequence."""
    p, denominators = parameters(shapes(config), 3), {"mlm": 9.0, "sop": 4.0}
    for key in (None, RandomKey(4, step=6)):
        whole, _ = pretraining(make_batch(0, 1, 2, 3), p, config, denominators, key)
        single = [pretraining(make_batch(index), p, config, denominators, key)[0] for index in range(4)]
        close(whole.mlm_loss, sum(each.mlm_loss for each in single))
        close(whole.sop_loss, sum(each.sop_loss for each in single))


def micro_batches_add_up(config: AlbertConfig = DROPOUT) -> None:
    """Two micro-batches with the whole batch's denominators are the batch: loss and gradients."""
    key, denominators = RandomKey(4, step=6), {"mlm": 7.0, "sop": 4.0}
    loss, grads = gradients(config, make_batch(0, 1, 2, 3), key, denominators=denominators)
    one, halves = gradients(config, make_batch(0, 1), key, denominators=denominators)
    two, halves = gradients(config, make_batch(2, 3), key, halves, denominators=denominators)
    close(loss, one + two)
    close(grads.flat, halves.flat)


def masks_differ_wherever_they_should(config: AlbertConfig = DROPOUT) -> None:
    """Seeds, steps, layers and the dropouts of a layer have masks of their own."""
    batch, p = make_batch(2), parameters(shapes(config), 3)
    keys = RandomKey(1, 1), RandomKey(1, 2), RandomKey(2, 1)
    losses = [float(pretraining(batch, p, config, None, key)[0].loss) for key in keys]
    assert len(set(losses)) == 3, "seeds or steps share their masks"
    _, cache = pretraining(batch, p, config, None, RandomKey(1, 1))
    blocks = [block for layer in untagged(untagged(cache.c_encode).c_encoder).c_layers for block in untagged(layer)]
    norms = [each.cache if isinstance(each, Tagged) else each for block in blocks for each in (block.c_norm_a, block.c_norm_f)]
    masks = [keep.tobytes() for (keep, _), _ in norms]  # the cache of add_norm: the dropout's, the layer norm's
    assert len(set(masks)) == len(masks) == 2 * config.num_hidden_layers, "two dropouts share a mask"


def kernels_change_nothing(config: AlbertConfig = DROPOUT) -> None:
    """Kernels give the reference's losses and gradients, also with dropout, and the last layer only for the output rows."""
    for key in (None, RandomKey(4, step=6)):
        with reference():
            loss, grads = gradients(config, make_batch(0, 1, 2, 3), key)
        with reference(False):
            again, fast = gradients(config, make_batch(0, 1, 2, 3), key)
        close(loss, again)
        close(grads.flat, fast.flat)


def in_threads(k: int) -> Any:
    """Divide batches into k shards, however small, while the context lasts."""
    stack = ExitStack()
    stack.enter_context(mock.patch.object(threads, "count", lambda: k))
    stack.enter_context(mock.patch.object(shards, "MIN_NUMBERS", 1))
    stack.enter_context(mock.patch.object(shards, "SERIAL", 1.0))
    return stack


def threads_change_nothing(config: AlbertConfig = DROPOUT) -> None:
    """The shards of a batch give the results of the batch."""
    model = ab.AlbertForPreTraining.of(config, parameters(shapes(config), 3))
    for key in (None, RandomKey(4, step=6)):
        for denominators in (None, {"mlm": 7.0, "sop": 5.0}):
            whole, grads = model.packed_loss_and_gradients(make_batch(0, 1, 2, 3), None, denominators, key)
            with in_threads(3):
                summed, again = model.packed_loss_and_gradients(make_batch(0, 1, 2, 3), None, denominators, key)
            for name, value in vars(whole).items():
                close(getattr(summed, name), value)
            close(grads.flat, again.flat)


# ---- the same for fine-tuning ----

C = 4
TASK_CONFIG = DROPOUT.replace(num_labels=C, classifier_dropout_prob=0.25)
TASKS = {
    "classes": (ab.AlbertForSequenceClassification, TASK_CONFIG),
    "sets": (ab.AlbertForSequenceClassification, TASK_CONFIG),
    "numbers": (ab.AlbertForSequenceClassification, TASK_CONFIG.replace(problem_type="regression")),
    "tokens": (ab.AlbertForTokenClassification, TASK_CONFIG.replace(fusion_layers=(1, 3))),
    "spans": (ab.AlbertForQuestionAnswering, TASK_CONFIG.replace(num_labels=2, fusion_layers=(1, 2))),
    "relations": (ab.AlbertForRelationClassification, TASK_CONFIG),
    "choices": (ab.AlbertForMultipleChoice, TASK_CONFIG),
    "translation": (ab.AlbertForTranslation, TASK_CONFIG.replace(fusion_layers=(1, 3))),
}
SOURCES = (2, 1, 3, 1)  # tokens of each sequence that are the source, for translation
CHOICES = (2, 1, 3, 2)  # numbers of choices of each question, for multiple choice
ENTITIES = ((3, 1), (0, 0), (2, 6), (1, 2))  # the tokens at which each sequence's entities begin, for relations


def task_labels(task: str, index: int) -> list[tuple[Any, Any]]:
    """Return rows and labels of one example. The second has no class, the third no end of its answer, the fourth no choice."""
    rng = np.random.default_rng(index)
    T, first, none = LENGTHS[index], np.array([0]), np.zeros(0, np.int64)
    if task in ("classes", "relations"):
        return [(none, none)] if index == 1 else [(first, np.array([(3 * index + 1) % C]))]
    if task == "choices":
        return [(none, none)] if index == 3 else [(first, np.array([(index + 1) % CHOICES[index]]))]
    if task == "sets":
        return [(first, rng.integers(0, 2, (1, C)).astype(float))]
    if task == "numbers":
        return [(first, rng.standard_normal((1, C)))]
    if task == "tokens":
        return [(np.arange(0, T, 2), rng.integers(C, size=len(range(0, T, 2))))]
    return [(first, rng.integers(T, size=1)), (none, none) if index == 2 else (first, rng.integers(T, size=1))]


def make_task_batch(task: str, *indices: int) -> TaskBatch:
    """Return a batch of these examples, in this order, with the labels of a task."""
    # the choices of a question are the example itself and those after it
    rows = [(i + k) % 4 for i in indices for k in range(CHOICES[i])] if task == "choices" else indices
    arrays = {name: array for name, array in joined_arrays(*rows).items() if name not in PRETRAINING_LABELS}
    starts = np.cumsum([0] + [LENGTHS[index] for index in indices])[:-1]
    if task == "translation":
        arrays |= translation_labels(starts, *indices)
    else:
        sizes = [LENGTHS[index] if task == "tokens" else 1 for index in indices]  # rows of the head's tables
        offsets = np.cumsum([0, *sizes])
        arrays["labels"] = [
            (
                np.concatenate([rows + offset for (rows, _), offset in zip(table, offsets)]),
                np.concatenate([items for _, items in table]),
            )
            for table in zip(*(task_labels(task, index) for index in indices))
        ]
    if task == "choices":
        arrays["group_sizes"] = np.array([CHOICES[index] for index in indices])
    if task == "relations":
        arrays["entity_rows"] = np.array([ENTITIES[index] for index in indices]) + starts[:, None]
    return TASKS[task][0].objective.pack(arrays, HOST)


PRETRAINING_LABELS = "masked_rows", "masked_labels", "order_labels"


def translation_labels(starts: np.ndarray, *indices: int) -> dict[str, Any]:
    """Every row from the source's last token on predicts, except the last row of the third example."""
    rows, labels = [], []
    for index, start in zip(indices, starts):
        first, last = SOURCES[index], LENGTHS[index] - (index == 2)
        rows.append(np.arange(start + first - 1, start + last))
        labels.append(np.random.default_rng(index).integers(0, TINY.vocab_size, last - first + 1))
    return dict(
        source_lengths=np.array([SOURCES[index] for index in indices]), masked_rows=np.concatenate(rows),
        masked_labels=np.concatenate(labels), label_smoothing=0.1,
    )  # fmt: skip


def task_model(task: str, **changes: Any) -> Any:
    """Return a model for this task, with parameters far from a fresh model's."""
    model, config = TASKS[task]
    config = config.replace(**changes)
    return model.of(config, parameters(model.shapes(config), 3))


RNGS = None, RandomKey(4, step=6)
COUNT = {"task": 5.0, "mlm": 7.0}


def order_of_sequences_changes_no_task(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for key in RNGS:
            results, grads = model.packed_loss_and_gradients(make_task_batch(task, 0, 1, 2, 3), dropout_key=key)
            shuffled, again = model.packed_loss_and_gradients(make_task_batch(task, 2, 0, 3, 1), dropout_key=key)
            close(results.loss, shuffled.loss)
            close(grads.flat, again.flat)


def every_sequence_of_a_task_by_itself(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for key in RNGS:
            whole, grads = model.packed_loss_and_gradients(make_task_batch(task, 0, 1, 2, 3), None, COUNT, key)
            total = model.params.zeros_like()
            single = [model.packed_loss_and_gradients(make_task_batch(task, i), total, COUNT, key)[0].loss for i in range(4)]
            close(whole.loss, sum(single))
            close(grads.flat, total.flat)


def micro_batches_of_tasks_add_up(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for key in RNGS:
            whole, grads = model.packed_loss_and_gradients(make_task_batch(task, 0, 1, 2, 3), None, COUNT, key)
            one, halves = model.packed_loss_and_gradients(make_task_batch(task, 0, 1), None, COUNT, key)
            two, halves = model.packed_loss_and_gradients(make_task_batch(task, 2, 3), halves, COUNT, key)
            close(whole.loss, one.loss + two.loss)
            close(grads.flat, halves.flat)


def recomputing_changes_no_task(tasks: Any = TASKS) -> None:
    for task in tasks:
        for key in RNGS:
            (stored, grads), (again, recomputed) = (
                task_model(task, recompute=recompute).packed_loss_and_gradients(
                    make_task_batch(task, 0, 1, 2, 3), dropout_key=key
                )
                for recompute in (False, True)
            )
            assert stored.loss == again.loss and grads.flat.tobytes() == recomputed.flat.tobytes()


def threads_change_no_task(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for key in RNGS:
            whole, grads = model.packed_loss_and_gradients(make_task_batch(task, 0, 1, 2, 3), None, COUNT, key)
            with in_threads(3):
                summed, again = model.packed_loss_and_gradients(make_task_batch(task, 0, 1, 2, 3), None, COUNT, key)
            close(whole.loss, summed.loss)
            close(grads.flat, again.flat)


def kernels_change_no_task(tasks: Any = TASKS) -> None:
    for model, task in ((task_model(task), task) for task in tasks):
        for key in RNGS:
            with reference():
                results, grads = model.packed_loss_and_gradients(make_task_batch(task, 0, 1, 2, 3), dropout_key=key)
            with reference(False):
                again, fast = model.packed_loss_and_gradients(make_task_batch(task, 0, 1, 2, 3), dropout_key=key)
            close(results.loss, again.loss)
            close(grads.flat, fast.flat)


# ---- updates ----


def tensors(seed: int) -> Tree:
    """Return a tree of two weights, one of them 0, a bias and a layer norm."""
    form = {"layer": {"w": (4, 3), "b": (3,)}, "norm": {"gamma": (5,), "beta": (5,)}, "zero": {"w": (2, 2)}}
    tree, rng = Tree(form, np.zeros(flat_size(form))), np.random.default_rng(seed)
    for name, array in tree.items():
        array[...] = 0 if name == "zero.w" and seed == 0 else rng.standard_normal(array.shape)
    return tree


def updates_follow_the_papers(name: str) -> None:
    """Three updates of "adamw" or "lamb" equal the formulas, tensor by tensor, with and without bias correction."""
    lr, rates, decay, beta1, beta2, eps = 0.05, {"layer.w": 0.5, "norm.beta": 0.0}, 0.1, 0.8, 0.9, 1e-3
    for correction in (False, True):
        params, count = tensors(0), 0
        options = dict(weight_decay=decay, beta1=beta1, beta2=beta2, eps=eps, bias_correction=correction)
        state = optim.init(name, params, **options)
        w = {key: array.copy() for key, array in params.items()}
        m, v = dict.fromkeys(w, 0.0), dict.fromkeys(w, 0.0)
        for count in range(1, 4):
            grads = tensors(count)
            with np.errstate(invalid="ignore"):  # a wrong v may be negative: the comparison below finds NaN
                optim.step(params, grads, state, lr, rates)
            for key, g in grads.items():
                m[key], v[key] = beta1 * m[key] + (1 - beta1) * g, beta2 * v[key] + (1 - beta2) * g * g
                by = (1 - beta1**count, 1 - beta2**count) if correction else (1.0, 1.0)
                u = m[key] / by[0] / (np.sqrt(v[key] / by[1]) + eps)
                ratio = 1.0
                if key.endswith("w"):
                    u = u + decay * w[key]
                    if name == "lamb" and w[key].any():
                        ratio = np.linalg.norm(w[key]) / np.linalg.norm(u)
                w[key] = w[key] - lr * rates.get(key, 1.0) * ratio * u
            for key, array in params.items():
                close(array, w[key])
                close(dict(state.m.items())[key], m[key])
                close(dict(state.v.items())[key], v[key])


def adamw_follows_the_paper() -> None:
    updates_follow_the_papers("adamw")


def lamb_follows_the_paper() -> None:
    updates_follow_the_papers("lamb")


def clipping_keeps_the_direction() -> None:
    """Gradients above the norm are scaled to it, all alike; others, and those that are not finite, stay."""
    for factor in (0.25, 1.0, 3.0):
        grads = tensors(1)
        before, norm = grads.flat.copy(), float(np.linalg.norm(grads.flat))
        close(optim.clip(grads, factor * norm), norm)
        close(grads.flat, before * min(1.0, factor))
    grads.flat[0] = math.inf
    with np.errstate(all="ignore"):
        optim.clip(grads, 1.0)
    assert np.array_equal(grads.flat[1:], before[1:])


def the_learning_rate_rises_and_falls() -> None:
    """Linear warm-up from 0, then the linear decay that starts at step 0 and ends at 0."""
    rates = [optim.learning_rate(step, 2.0, 4, 10) for step in range(12)]
    close(rates, [0, 0.5, 1, 1.5, 1.2, 1, 0.8, 0.6, 0.4, 0.2, 0, 0])
