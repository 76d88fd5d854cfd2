"""Distillation: a small student learns from a larger teacher what the labels alone do not tell (Hinton et al. 2015).

    loss = hard · (the task's loss)  +  (1 - hard) · (soft loss against the teacher's logits)  +  hidden · (hidden states' loss)

soft     cross-entropy of softened probabilities (layers/soft_cross_entropy.py) over the rows that have a label; of tasks without
         classes the task's own loss, with what the teacher says for labels
hidden   the mean square of h_student W + b - h_teacher, over tokens and levels: level l of the student's L goes with level
         ⌊l L_teacher / L⌋ of the teacher's (Jiao et al. 2020, "TinyBERT"). W and b, the tree's `hint`, bridge different widths;
         they are learned along and thrown away

The teacher reads the same batch, without dropout; no gradient goes into it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.layers import gather, gather_backward, linear, linear_backward
from albert_np.core.model.albert import encode, encode_backward
from albert_np.core.params import Tree, fill, zero_tree
from albert_np.core.random import Dropout, generator
from albert_np.models.base import Model
from albert_np.models.config import AlbertConfig
from albert_np.models.layers import soft_cross_entropy, soft_cross_entropy_backward, squared_error, squared_error_backward
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
from albert_np.models.task_losses import CLASSES, LOSSES, SETS, TaskResults, problem_of, task_loss, task_loss_backward
from albert_np.models.tasks import (
    AlbertForQuestionAnswering,
    AlbertForRelationClassification,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
)


@dataclass(frozen=True)
class Lesson:
    """How a student is taught. teacher: a model for the same task and labels; the rest see above. ValueError names what came."""

    teacher: Any
    temperature: float = 2.0
    hard: float = 0.5
    hidden: float = 0.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, not {self.temperature}")
        if not 0 <= self.hard <= 1:
            raise ValueError(f"hard, the share of the labels' own loss, must be from 0 to 1, not {self.hard}")
        if not self.hidden >= 0:
            raise ValueError(f"hidden, the weight of the hidden states' loss, must not be negative: {self.hidden}")


# ---- the heads: h (N, H) -> the tables of logits, and back ----

Head = tuple[Callable[..., tuple[list[Any], Any]], Callable[..., Any]]


def _sequences(h: Any, batch: Batch, p: Tree, config: AlbertConfig, rng: Dropout | None) -> tuple[list[Any], Any]:
    logits, cache = sequence_head(h, batch.sequences, p, config, rng)
    return [logits], cache


def _tokens(h: Any, batch: Batch, p: Tree, config: AlbertConfig, rng: Dropout | None) -> tuple[list[Any], Any]:
    logits, cache = token_head(h, p.task, config, rng)
    return [logits], cache


def _spans(h: Any, batch: Batch, p: Tree, config: AlbertConfig, rng: Dropout | None) -> tuple[list[Any], Any]:
    scores, cache = span_head(h, batch.sequences, p.task)
    return [scores[0], scores[1]], cache


def _relations(h: Any, batch: Batch, p: Tree, config: AlbertConfig, rng: Dropout | None) -> tuple[list[Any], Any]:
    logits, cache = relation_head(h, batch.entity_rows, p.relation, config, rng)
    return [logits], cache


HEADS: dict[type, Head] = {
    AlbertForSequenceClassification: (_sequences, lambda d, cache, p, g: sequence_head_backward(d[0], cache, p, g)),
    AlbertForTokenClassification: (_tokens, lambda d, cache, p, g: token_head_backward(d[0], cache, p.task, g.task)),
    AlbertForQuestionAnswering: (_spans, lambda d, cache, p, g: span_head_backward(np.stack(d), cache, p.task, g.task)),
    AlbertForRelationClassification: (
        _relations,
        lambda d, cache, p, g: relation_head_backward(d[0], cache, p.relation, g.relation),
    ),
}


# ---- the objective ----


def distillation(
    batch: Batch,
    p: Tree,
    config: AlbertConfig,
    denominators: dict[str, float] | None,
    rng: Dropout | None,
    lesson: Lesson,
) -> tuple[TaskResults, Any]:
    """The loss over the batch. denominators {"task": ..., "tokens": ...} default to the labels and the tokens of this batch."""
    head, _ = HEADS[type(lesson.teacher)]
    told_hidden, told = taught(batch, lesson)
    h, hidden, c_body = encode(batch, p, config, rng)
    tables, c_head = head(h, batch, p, config, rng and rng.of(batch.dropout_rows))
    problem = CLASSES
    if isinstance(lesson.teacher, AlbertForSequenceClassification):
        problem = problem_of(config, all(items.dtype.kind in "iu" for _, items in batch.labels or ()))
    results, c_hard = task_loss(tables, batch.labels, problem, denominators)
    soft, c_soft = soft_loss(tables, told, batch.labels, problem, denominators, lesson.temperature)
    loss = lesson.hard * results.loss + (1 - lesson.hard) * soft
    c_hints = None
    if lesson.hidden:
        near, c_hints = hidden_loss(hidden, told_hidden, p.hint, (denominators or {}).get("tokens", batch.tokens))
        loss = loss + lesson.hidden * near
    return TaskResults(loss, results.correct, results.answers), (c_body, c_head, c_hard, c_soft, c_hints)


def distillation_backward(cache: Any, p: Tree, g: Tree, config: AlbertConfig, batch: Batch, lesson: Lesson) -> None:
    """Adds the gradient of the loss into g"""
    c_body, c_head, c_hard, c_soft, c_hints = cache
    _, head_backward = HEADS[type(lesson.teacher)]
    hard, soft = task_loss_backward(c_hard), soft_loss_backward(c_soft)
    dtables = [lesson.hard * a + (1 - lesson.hard) * b for a, b in zip(hard, soft)]
    dh = head_backward(dtables, c_head, p, g)
    more = hidden_loss_backward(lesson.hidden, c_hints, p.hint, g.hint) if c_hints else None
    encode_backward(dh, c_body, p, g, config, batch, more)


def taught(batch: Batch, lesson: Lesson) -> tuple[list[Any], list[Any]]:
    """What the teacher makes of the batch: its hidden states, and its tables of logits."""
    teacher = lesson.teacher
    config = teacher.config.replace(recompute=True)  # nothing is kept for a backward pass
    h, hidden, _ = encode(batch, teacher.params, config)
    tables, _ = HEADS[type(teacher)][0](h, batch, teacher.params, config, None)
    return hidden, tables


def soft_loss(
    tables: list[Any], told: list[Any], labels: Any, problem: str, denominators: dict[str, float] | None, temperature: float
) -> tuple[Any, Any]:
    """tables, told: (R, C) logits of student and teacher; labels: for each table (rows (M,), ...) -> (), over these rows"""
    loss, caches = tables[0].reshape(-1)[:0].sum(), []
    for table, teacher, (rows, _) in zip(tables, told, labels):
        if not len(rows):
            caches.append((table, None, None))
            continue
        (x, c_gather), (t, _) = gather(table, rows), gather(teacher, rows)  # (M, C)
        denominator = (denominators["task"] if denominators else len(rows)) * len(tables)
        ones = np.ones_like(x[:, 0])
        if problem == CLASSES:
            part, c_loss = soft_cross_entropy(x, t, ones, denominator, temperature)
        else:
            part, c_loss = LOSSES[problem][0](x, 1 / (1 + np.exp(-t)) if problem == SETS else t, ones, denominator)
        loss = loss + part
        caches.append((table, c_gather, c_loss))
    return loss, (problem, caches)


def soft_loss_backward(cache: Any) -> list[Any]:
    """-> for each table its gradient (R, C)"""
    problem, caches = cache
    backward = soft_cross_entropy_backward if problem == CLASSES else LOSSES[problem][1]
    return [
        gather_backward(backward(1.0, c_loss), c_gather) if c_loss else np.zeros_like(table) for table, c_gather, c_loss in caches
    ]


def hidden_loss(hidden: list[Any], told: list[Any], p: Any, tokens: float) -> tuple[Any, Any]:
    """hidden: L + 1 of (N, H); told: L_teacher + 1 of (N, H_teacher); p: `hint` (H, H_teacher) -> ()"""
    L, total, caches = len(hidden) - 1, 0.0, []
    for l, h in enumerate(hidden):
        y, c_linear = linear(h, p)  # (N, H_teacher)
        teacher = told[l * (len(told) - 1) // L]
        part, c_error = squared_error(y, teacher, np.ones_like(y[:, 0]), tokens * (L + 1))
        total = total + part
        caches.append((c_linear, c_error))
    return total, caches


def hidden_loss_backward(dloss: float, cache: Any, p: Any, g: Any) -> list[Any]:
    """-> for each hidden state its gradient (N, H); adds into g"""
    return [linear_backward(squared_error_backward(dloss, c_error), c_linear, p, g) for c_linear, c_error in cache]


# ---- a student, while it is taught ----


def student(model: Model, lesson: Lesson, seed: int = 0) -> None:
    """Let the model learn by this lesson: `packed_loss_and_gradients` is the lesson's, its tree has `hint` if that is needed.

    ValueError if teacher and student are not for the same thing.
    """
    teacher = lesson.teacher
    if type(teacher) is not type(model) or type(model) not in HEADS:
        raise ValueError(f"a {type(teacher).__name__} cannot teach a {type(model).__name__}")
    if teacher.config.num_labels != model.config.num_labels or teacher.config.vocab_size != model.config.vocab_size:
        raise ValueError(
            f"teacher and student must have the same labels and vocabulary: the teacher has {teacher.config.num_labels} and "
            f"{teacher.config.vocab_size}, the student {model.config.num_labels} and {model.config.vocab_size}"
        )
    if lesson.hidden:
        H, there = model.config.hidden_size, teacher.config.hidden_size
        model.params = with_parts(model.params, {"hint": {"w": (H, there), "b": (there,)}})
        start = generator(seed, "init hint.w").standard_normal((H, there)) / H**0.5
        fill(model.params.hint.w, start if there != H else np.eye(H))
    model.objective = (  # type: ignore[misc]
        lambda batch, p, config, denominators=None, rng=None: distillation(batch, p, config, denominators, rng, lesson),
        lambda cache, p, g, config, batch: distillation_backward(cache, p, g, config, batch, lesson),
    )


def graduate(model: Model) -> None:
    """What `student` made of the model, undone: it keeps what it has learned."""
    model.__dict__.pop("objective", None)
    model.params = with_parts(model.params, {}, without=("hint",))


def with_parts(params: Tree, more: dict[str, Any], without: tuple[str, ...] = ()) -> Tree:
    """The same parameters in a tree with more parts, or fewer."""
    form = {part: own for part, own in params.form.items() if part not in without} | more
    tree = zero_tree(form, params.flat.dtype, params.flat)
    given = dict(params.items())
    for name, array in tree.items():
        if name in given:
            array[...] = given[name]
    return tree
