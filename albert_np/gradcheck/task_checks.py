"""Gradient checks of the losses and heads of fine-tuning."""

import numpy as np

from albert_np.core.batch import Items
from albert_np.core.dispatch import Array, Cache
from albert_np.gradcheck.checker import rows
from albert_np.gradcheck.examples import (
    LENGTHS,
    TINY,
    M,
    N,
    choice_rows,
    dropout,
    entity_rows,
    normal,
    parameters,
    put,
    sequences,
)
from albert_np.gradcheck.layer_checks import H
from albert_np.gradcheck.registry import CHECKS, Rows
from albert_np.models import layers as task_layers
from albert_np.models.heads import (
    choice_head,
    choice_head_backward,
    relation_head,
    relation_head_backward,
    sequence_head,
    sequence_head_backward,
    span_head,
    span_head_backward,
    token_head,
    token_head_backward,
)
from albert_np.models.shapes import shapes
from albert_np.models.task_losses import CLASSES, NUMBERS, SETS, task_loss, task_loss_backward

B, C = len(LENGTHS), 7
CONFIG = TINY.replace(num_labels=C, classifier_dropout_prob=0.3)


def element_loss(seed: int, name: str, labels: np.ndarray) -> Rows:
    """Check a loss of every element of (M, C)."""
    forward, backward = getattr(task_layers, name), getattr(task_layers, name + "_backward")
    labels, weights = put(labels), put(0.5 + np.abs(normal(seed, "weights", M)))
    return rows(lambda x: forward(x, labels, weights, 3.7), backward, {"x": 2 * normal(seed, "x", M, C)}, seed=seed, dy=1.7)


CHECKS["squared_error"] = lambda seed: element_loss(seed, "squared_error", normal(seed, "labels", M, C))
CHECKS["binary_cross_entropy"] = lambda seed: element_loss(
    seed, "binary_cross_entropy", np.clip(0.5 + normal(seed, "labels", M, C), 0, 1)
)


def soft_loss(seed: int, temperature: float) -> Rows:
    teacher, weights = put(2 * normal(seed, "teacher", M, C)), put(0.5 + np.abs(normal(seed, "weights", M)))
    return rows(
        lambda x: task_layers.soft_cross_entropy(x, teacher, weights, 3.7, temperature),
        task_layers.soft_cross_entropy_backward, {"x": 2 * normal(seed, "x", M, C)}, seed=seed, dy=1.7,
    )  # fmt: skip


CHECKS["soft_cross_entropy"] = lambda seed: soft_loss(seed, 1.0)
CHECKS["soft_cross_entropy, temperature"] = lambda seed: soft_loss(seed, 2.5)


def pad_packed(seed: int) -> Rows:
    packed = sequences()
    x = {"x": normal(seed, "x", N, 2)}
    return rows(lambda x: task_layers.pad_packed(x, packed), task_layers.pad_packed_backward, x, seed=seed)


def segment_table(seed: int) -> Rows:
    """Groups of three, one and two of six scores."""
    table = put(np.array([[0, 1, 2], [3, -1, -1], [4, 5, -1]]))
    x = {"x": normal(seed, "x", 6)}
    return rows(lambda x: task_layers.segment_table(x, table), task_layers.segment_table_backward, x, seed=seed)


def losses(seed: int, problem: str) -> Rows:
    """Check the mean over three tables, one with a repeated row and one without items."""
    picked = np.array([3, 0, 3, 2])
    labels = {CLASSES: np.array([6, 1, 0, 2]), NUMBERS: normal(seed, "labels", 4, C), SETS: np.eye(C)[[0, 5, 2, 2]]}[problem]
    tables_of_labels = [(picked, labels), (picked[:0], labels[:0]), (picked[1:], labels[1:])]
    items = tuple(Items(put(each), put(chosen), axis="sequence") for chosen, each in tables_of_labels)

    def forward(*tables: Array) -> tuple[Array, Cache]:
        results, cache = task_loss(list(tables), items, problem, {"task": 1.9})
        return results.loss, cache

    tables = {name: normal(seed, name, 5, C) for name in ("first", "second", "third")}
    return rows(
        forward, task_loss_backward, tables, seed=seed, dy=1.0, unused=lambda name: name == "second"
    )  # fmt: skip


for _problem in (CLASSES, NUMBERS, SETS):
    CHECKS[f"task_loss, {_problem.replace('_', ' ')}"] = lambda seed, problem=_problem: losses(seed, problem)  # type: ignore[misc]


def whole_sequences(seed: int) -> Rows:
    form = shapes(CONFIG, ("pooler", "task"))
    return rows(
        lambda h, p: sequence_head(h, sequences(), p, CONFIG, dropout(seed)), sequence_head_backward,
        {"h": normal(seed, "h", N, H)}, parameters({"pooler": form["pooler"], "task": form["task"]}, seed), seed=seed,
    )  # fmt: skip


def every_token(seed: int) -> Rows:
    p = parameters(shapes(CONFIG, ("task",))["task"], seed)
    return rows(
        lambda h, p: token_head(h, p, CONFIG, dropout(seed)), token_head_backward, {"h": normal(seed, "h", N, H)}, p, seed=seed
    )


def spans(seed: int) -> Rows:
    p = parameters(shapes(TINY, ("task",))["task"], seed)
    return rows(lambda h, p: span_head(h, sequences(), p), span_head_backward, {"h": normal(seed, "h", N, H)}, p, seed=seed)


def relations(seed: int) -> Rows:
    p, picked = parameters(shapes(CONFIG, ("relation",))["relation"], seed), put(entity_rows())
    return rows(
        lambda h, p: relation_head(h, picked, p, CONFIG, dropout(seed)), relation_head_backward,
        {"h": normal(seed, "h", N, H)}, p, seed=seed,
    )  # fmt: skip


def choices(seed: int) -> Rows:
    form, groups = shapes(CONFIG, ("pooler", "choice")), put(choice_rows())
    return rows(
        lambda h, p: choice_head(h, sequences(), groups, p, CONFIG, dropout(seed)), choice_head_backward,
        {"h": normal(seed, "h", N, H)}, parameters({"pooler": form["pooler"], "choice": form["choice"]}, seed), seed=seed,
    )  # fmt: skip


CHECKS.update(
    {
        "relation_head, dropout": relations,
        "choice_head, dropout": choices,
        "pad_packed": pad_packed,
        "segment_table": segment_table,
        "sequence_head, dropout": whole_sequences,
        "token_head, dropout": every_token,
        "span_head": spans,
    }
)
