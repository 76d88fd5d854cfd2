"""Fine-tuning: body, the head of a task, its loss. The forward and the backward pass of each task, side by side.

A head makes a table of logits, a row for each sequence or token (question answering makes two: of first and of last tokens).
The rows that have a label are its items; where they are, and what they are labelled, the batch says: `Batch.labels`.
"""

from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.dispatch import twins_of
from albert_np.core.layers import cross_entropy, cross_entropy_backward, gather, gather_backward
from albert_np.core.model.albert import encode, encode_backward
from albert_np.core.params import Tree
from albert_np.core.random import Dropout
from albert_np.models.config import AlbertConfig
from albert_np.models.layers import binary_cross_entropy, binary_cross_entropy_backward, squared_error, squared_error_backward
from albert_np.models.task_heads import (
    relation_head,
    relation_head_backward,
    sequence_head,
    sequence_head_backward,
    span_head,
    span_head_backward,
    token_head,
    token_head_backward,
)

CLASSES, NUMBERS, SETS = "single_label_classification", "regression", "multi_label_classification"
LOSSES = {
    CLASSES: (cross_entropy, cross_entropy_backward),
    NUMBERS: (squared_error, squared_error_backward),
    SETS: (binary_cross_entropy, binary_cross_entropy_backward),
}


@dataclass(frozen=True)
class TaskResults:
    """What a pass found. The loss is a sum over items divided by the denominator."""

    loss: Any  # ()
    correct: Any  # () of `answers`; None for numbers, which are not right or wrong
    answers: int  # items with a label: sequences, or tokens, or B · C yes or no, or first tokens + last tokens


def problem_of(config: AlbertConfig, integers: bool) -> str:
    """Which of the LOSSES a sequence classifier is trained with: config.problem_type, or else, as transformers decides, by the
    number of labels and by whether they are integers."""
    if config.problem_type is not None:
        return config.problem_type
    if config.num_labels == 1:
        return NUMBERS
    return CLASSES if integers else SETS


# ---- one class, number or set of classes for each sequence ----


def sequence_classification(
    batch: Batch,
    p: Tree,
    config: AlbertConfig,
    denominators: dict[str, float] | None = None,
    rng: Dropout | None = None,
) -> tuple[TaskResults, Any]:
    """The loss over the sequences that have a label. denominators {"task": ...} default to their number."""
    read = None if twins_of(p.flat) is None else batch.read  # [CLS] only, but for the textbook
    h, _, c_body = encode(batch, p, config, rng, read)
    logits, c_head = sequence_head(h, batch.sequences, p, config, rng and rng.of(batch.dropout_rows))  # (B, C)
    problem = problem_of(config, all(items.dtype.kind in "iu" for _, items in batch.labels or ()))
    results, c_loss = task_loss([logits], batch.labels, problem, denominators, batch.weights_of("task"))
    return results, (c_body, c_head, c_loss)


def sequence_classification_backward(cache: Any, p: Tree, g: Tree, config: AlbertConfig, batch: Batch) -> None:
    """Adds the gradient of the loss into g"""
    c_body, c_head, c_loss = cache
    dlogits = task_loss_backward(c_loss)[0]  # (B, C)
    encode_backward(sequence_head_backward(dlogits, c_head, p, g), c_body, p, g, config, batch)


# ---- a class for each token ----


def token_classification(
    batch: Batch,
    p: Tree,
    config: AlbertConfig,
    denominators: dict[str, float] | None = None,
    rng: Dropout | None = None,
) -> tuple[TaskResults, Any]:
    """The loss over the tokens that have a label. denominators {"task": ...} default to their number."""
    h, _, c_body = encode(batch, p, config, rng)
    logits, c_head = token_head(h, p.task, config, rng and rng.of(batch.dropout_rows))  # (N, C)
    results, c_loss = task_loss([logits], batch.labels, CLASSES, denominators, batch.weights_of("task"))
    return results, (c_body, c_head, c_loss)


def token_classification_backward(cache: Any, p: Tree, g: Tree, config: AlbertConfig, batch: Batch) -> None:
    """Adds the gradient of the loss into g"""
    c_body, c_head, c_loss = cache
    dlogits = task_loss_backward(c_loss)[0]  # (N, C)
    encode_backward(token_head_backward(dlogits, c_head, p.task, g.task), c_body, p, g, config, batch)


# ---- the first and the last token of an answer within each sequence ----


def question_answering(
    batch: Batch,
    p: Tree,
    config: AlbertConfig,
    denominators: dict[str, float] | None = None,
    rng: Dropout | None = None,
) -> tuple[TaskResults, Any]:
    """Half the loss over the first tokens plus half the loss over the last ones.

    Each is a softmax over the tokens of a sequence. denominators {"task": ...}, by which both are divided, default to how many
    sequences have a label of that kind.
    """
    h, _, c_body = encode(batch, p, config, rng)
    scores, c_head = span_head(h, batch.sequences, p.task)  # (2, B, T)
    results, c_loss = task_loss([scores[0], scores[1]], batch.labels, CLASSES, denominators)
    return results, (c_body, c_head, c_loss)


def question_answering_backward(cache: Any, p: Tree, g: Tree, config: AlbertConfig, batch: Batch) -> None:
    """Adds the gradient of the loss into g"""
    c_body, c_head, c_loss = cache
    dscores = np.stack(task_loss_backward(c_loss))  # (2, B, T)
    encode_backward(span_head_backward(dscores, c_head, p.task, g.task), c_body, p, g, config, batch)


# ---- a class for two entities of each sequence ----


def relation_classification(
    batch: Batch,
    p: Tree,
    config: AlbertConfig,
    denominators: dict[str, float] | None = None,
    rng: Dropout | None = None,
) -> tuple[TaskResults, Any]:
    """The loss over the sequences that have a label. denominators {"task": ...} default to their number."""
    read = None if twins_of(p.flat) is None else batch.read
    h, _, c_body = encode(batch, p, config, rng, read)
    logits, c_head = relation_head(h, batch.entity_rows, p.relation, config, rng and rng.of(batch.dropout_rows))  # (B, C)
    results, c_loss = task_loss([logits], batch.labels, CLASSES, denominators, batch.weights_of("task"))
    return results, (c_body, c_head, c_loss)


def relation_classification_backward(cache: Any, p: Tree, g: Tree, config: AlbertConfig, batch: Batch) -> None:
    """Adds the gradient of the loss into g"""
    c_body, c_head, c_loss = cache
    dlogits = task_loss_backward(c_loss)[0]  # (B, C)
    encode_backward(relation_head_backward(dlogits, c_head, p.relation, g.relation), c_body, p, g, config, batch)


# ---- what they share ----


def task_loss(
    tables: list[Any], labels: Any, problem: str, denominators: dict[str, float] | None, weights: Any = None
) -> tuple[TaskResults, Any]:
    """tables of logits (R, C), labels: for each a pair (rows (M,), labels (M,) or (M, C)) -> the mean of their losses

    weights: for each table (M,), what an item counts; None: 1.

    Raises ValueError if the batch has labels for another number of tables, or of another shape.
    """
    if labels is None or len(labels) != len(tables):
        got = "none" if labels is None else len(labels)
        raise ValueError(f"batch.labels: expected {len(tables)} pairs of rows and their labels for this class, got {got}")
    forward, _ = LOSSES[problem]
    zero = tables[0].reshape(-1)[:0].sum()  # () on the right device, in the right dtype
    loss, correct, answers, caches = zero, None if problem == NUMBERS else zero, 0, []
    for table, (rows, items), given in zip(tables, labels, weights or repeat(None)):
        c_gather = c_loss = None
        if M := len(rows):
            logits, c_gather = gather(table, rows)  # (M, C)
            if items.shape != ((M,) if problem == CLASSES else logits.shape):  # NumPy would broadcast, and add up nonsense
                raise ValueError(f"batch.labels: {items.shape} does not fit {problem} of {logits.shape}")
            denominator = (denominators["task"] if denominators else M) * len(tables)
            counted = np.ones_like(logits[:, 0]) if given is None else given  # (M,)
            part, c_loss = forward(logits, items, counted, denominator)
            loss = loss + part
            correct = None if correct is None else correct + right(logits, items, problem, counted)
        answers += items.size
        caches.append((table, c_gather, c_loss))
    return TaskResults(loss, correct, answers), (problem, caches)


def task_loss_backward(cache: Any) -> list[Any]:
    """-> for each table its gradient (R, C)"""
    problem, caches = cache
    _, backward = LOSSES[problem]
    dtables = []
    for table, c_gather, c_loss in caches:
        dtables.append(gather_backward(backward(1.0, c_loss), c_gather) if c_loss else np.zeros_like(table))
    return dtables


def right(logits: Any, labels: Any, problem: str, weights: Any) -> Any:
    """logits (M, C) -> (), how many of the labels they answer: the likeliest class, or each class more likely than not

    weights (M,): an item of weight 0 is none.
    """
    if problem == CLASSES:
        return ((logits.argmax(-1) == labels) & (weights > 0)).sum()
    return (((logits > 0) == (labels > 0.5)) & (weights > 0)[:, None]).sum()
