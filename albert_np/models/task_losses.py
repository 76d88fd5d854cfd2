"""Fine-tuning: the forward and backward pass of body, head and loss, the same for every head.

A head returns tables of logits with a row per sequence or token. The labelled rows are its items: `TaskBatch.tables`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from albert_np.core.batch import Items
from albert_np.core.dispatch import Array, Cache
from albert_np.core.layers import cross_entropy, cross_entropy_backward, gather, gather_backward
from albert_np.core.model.albert import encode, encode_backward
from albert_np.core.params import Tree
from albert_np.core.random import RandomKey
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.heads import CHOICE, RELATION, SEQUENCE, SPAN, TOKEN, Head
from albert_np.models.layers import binary_cross_entropy, binary_cross_entropy_backward, squared_error, squared_error_backward
from albert_np.models.objective import Objective

CLASSES, NUMBERS, SETS = "single_label_classification", "regression", "multi_label_classification"
LOSSES = {
    CLASSES: (cross_entropy, cross_entropy_backward),
    NUMBERS: (squared_error, squared_error_backward),
    SETS: (binary_cross_entropy, binary_cross_entropy_backward),
}
Problem = Callable[[AlbertConfig, TaskBatch], str]  # returns a key of LOSSES for a batch


@dataclass(frozen=True)
class TaskResults:
    """The results of a batch. The loss is a sum over items divided by the denominator."""

    loss: Array  # ()
    correct: Array | None  # () number of `answers` that are right; None for regression
    answers: int  # number of labels: sequences, tokens, B · C binary labels, or first and last tokens


def get_problem(config: AlbertConfig, integers: bool) -> str:
    """Return the key of LOSSES for a sequence classifier: config.problem_type or, if it is None, as transformers decides, by the
    number of labels and whether they are integers."""
    if config.problem_type is not None:
        return config.problem_type
    if config.num_labels == 1:
        return NUMBERS
    return CLASSES if integers else SETS


def sequence_problem(config: AlbertConfig, batch: TaskBatch) -> str:
    """Return the key of LOSSES for a sequence classifier and this batch."""
    return get_problem(config, all(items.labels.dtype.kind in "iu" for items in batch.tables or ()))


def classes_problem(config: AlbertConfig, batch: TaskBatch) -> str:
    """Return the key of LOSSES for heads whose labels are always classes."""
    return CLASSES


def task(
    batch: TaskBatch,
    p: Tree,
    config: AlbertConfig,
    denominators: dict[str, float] | None = None,
    dropout_key: RandomKey | None = None,
    head: Head = SEQUENCE,
    problem: Problem = sequence_problem,
) -> tuple[TaskResults, tuple[Cache, Cache, Cache]]:
    """Return the loss over the labelled rows, averaged over the head's tables.

    denominators {"task": ...} default to the number of labels of each table.
    """
    (h, _), c_encode = encode(batch, p, config, dropout_key)  # (N, H)
    tables, c_head = head.forward(h, batch, p, config, dropout_key and dropout_key.for_rows(batch.random_rows))
    results, c_loss = task_loss(tables, batch.tables, problem(config, batch), denominators)
    return results, (c_encode, c_head, c_loss)


def task_backward(
    dloss: float,
    cache: tuple[Cache, Cache, Cache],
    p: Tree,
    g: Tree,
    config: AlbertConfig,
    batch: TaskBatch,
    head: Head = SEQUENCE,
) -> None:
    """dloss (): 1 for the gradient of the loss itself, which is added to g"""
    c_encode, c_head, c_loss = cache
    dtables = task_loss_backward(dloss, c_loss)
    dh = head.backward(dtables, c_head, p, g)  # (N, H)
    encode_backward(dh, c_encode, p, g, config, batch)


def task_objective(head: Head, problem: Problem = classes_problem) -> Objective:
    """Return the objective of the models with this head."""
    return Objective(
        partial(task, head=head, problem=problem), partial(task_backward, head=head),
        head.labels_of, head.output_rows, head.capturable,
    )  # fmt: skip


SEQUENCE_CLASSIFICATION = task_objective(SEQUENCE, sequence_problem)
TOKEN_CLASSIFICATION = task_objective(TOKEN)
QUESTION_ANSWERING = task_objective(SPAN)  # half the loss over the first tokens plus half the loss over the last ones
RELATION_CLASSIFICATION = task_objective(RELATION)
MULTIPLE_CHOICE = task_objective(CHOICE)  # a cross-entropy over the choices of each question


# ---- the loss ----


def task_loss(
    tables: list[Array], labels: tuple[Items, ...] | None, problem: str, denominators: dict[str, float] | None
) -> tuple[TaskResults, tuple[str, list[Cache]]]:
    """tables of logits (R, C), labels: the items of each, (M,) or (M, C) -> the mean of their losses

    Raises ValueError if the batch has labels for another number of tables, or of another shape.
    """
    if labels is None or len(labels) != len(tables):
        got = "none" if labels is None else len(labels)
        raise ValueError(f"batch.tables: expected labels for {len(tables)} tables for this class, got {got}")
    forward, _ = LOSSES[problem]
    loss = zero = np.zeros_like(tables[0], shape=())
    correct, answers, caches = None if problem == NUMBERS else zero, 0, []
    for table, items in zip(tables, labels):
        c_gather = c_loss = None
        if M := len(items):
            logits, c_gather = gather(table, items.rows)  # (M, C)
            if items.labels.shape != ((M,) if problem == CLASSES else logits.shape):  # which NumPy would broadcast
                raise ValueError(f"batch.tables: labels {items.labels.shape} do not fit {problem} of logits {logits.shape}")
            denominator = (denominators["task"] if denominators else M) * len(tables)
            weights = np.ones_like(logits[:, 0]) if items.weights is None else items.weights  # (M,)
            part, c_loss = forward(logits, items.labels, weights, denominator)
            loss = loss + part
            correct = None if correct is None else correct + count_right(logits, items.labels, problem, weights)
        answers += items.labels.size
        caches.append((table, c_gather, c_loss))
    return TaskResults(loss, correct, answers), (problem, caches)


def task_loss_backward(dloss: float, cache: tuple[str, list[Cache]]) -> list[Array]:
    """dloss () -> for each table its gradient (R, C)"""
    problem, caches = cache
    _, backward = LOSSES[problem]
    dtables = []
    for table, c_gather, c_loss in caches:
        dtables.append(gather_backward(backward(dloss, c_loss), c_gather) if c_loss else np.zeros_like(table))
    return dtables


def count_right(logits: Array, labels: Array, problem: str, weights: Array) -> Array:
    """logits (M, C) -> () the number of correct labels: of most likely classes, or of classes with a probability above one half

    weights (M,): an item of weight 0 is not counted.
    """
    if problem == CLASSES:
        return ((logits.argmax(-1) == labels) & (weights > 0)).sum()
    return (((logits > 0) == (labels > 0.5)) & (weights > 0)[:, None]).sum()
