"""Distillation: a small student is trained with the outputs of a larger teacher besides the labels (Hinton et al. 2015).

    loss = alpha · (the task's loss)  +  (1 - alpha) · (soft loss against the teacher's logits)  +  hidden · (hidden states' loss)

soft     cross-entropy of softened probabilities (layers/soft_cross_entropy.py) over the rows that have a label; for tasks without
         classes the task's own loss, with the teacher's outputs as labels
hidden   the mean square of h_student W + b - h_teacher, over tokens and levels: level l of the student's L is compared with
         level ⌊l L_teacher / L⌋ of the teacher's (Jiao et al. 2020, "TinyBERT"). W and b, the tree's `hint`, map one
         width to the other; they are trained too, and removed at the end

The teacher's forward pass has the same batch, without dropout; it gets no gradient.
"""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from albert_np.core.batch import Items
from albert_np.core.dispatch import Array, Cache
from albert_np.core.layers import gather, gather_backward, linear, linear_backward
from albert_np.core.model.albert import encode, encode_backward
from albert_np.core.params import Form, Namespace, Tree, fill, zero_tree
from albert_np.core.random import RandomKey, generator
from albert_np.engine.cpu.encoder import forward_only
from albert_np.models.base import Model
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.heads import CHOICE, RELATION, SEQUENCE, SPAN, TOKEN, Head
from albert_np.models.layers import soft_cross_entropy, soft_cross_entropy_backward, squared_error, squared_error_backward
from albert_np.models.multiple_choice import AlbertForMultipleChoice
from albert_np.models.objective import Objective
from albert_np.models.task_losses import (
    CLASSES,
    LOSSES,
    SETS,
    TaskResults,
    classes_problem,
    sequence_problem,
    task_loss,
    task_loss_backward,
)
from albert_np.models.tasks import (
    AlbertForQuestionAnswering,
    AlbertForRelationClassification,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
)

HEADS: dict[type, Head] = {
    AlbertForSequenceClassification: SEQUENCE,
    AlbertForTokenClassification: TOKEN,
    AlbertForQuestionAnswering: SPAN,
    AlbertForRelationClassification: RELATION,
    AlbertForMultipleChoice: CHOICE,
}


@dataclass(frozen=True)
class DistillConfig:
    """Settings of distillation: the teacher, a model for the same task and labels, and the weights in the formula above.

    Raises ValueError that names the setting and its value.
    """

    teacher: Model
    temperature: float = 2.0
    alpha: float = 0.5
    hidden: float = 0.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, not {self.temperature}")
        if not 0 <= self.alpha <= 1:
            raise ValueError(
                f"alpha, the share of the labels' own loss (the setting `hard`), must be from 0 to 1, not {self.alpha}"
            )
        if not self.hidden >= 0:
            raise ValueError(f"hidden, the weight of the hidden states' loss, must not be negative: {self.hidden}")


DistillCache = namedtuple("DistillCache", "c_encode c_head c_task c_soft c_hidden")


def distillation(
    batch: TaskBatch, p: Tree, config: AlbertConfig, denominators: dict[str, float] | None, dropout_key: RandomKey | None,
    distill: DistillConfig,
) -> tuple[TaskResults, DistillCache]:  # fmt: skip
    """Return the loss of the batch. denominators {"task": ..., "tokens": ...} default to its numbers of labels and tokens."""
    head = HEADS[type(distill.teacher)]
    teacher_hidden, teacher_tables = teacher_outputs(batch, distill.teacher)
    (h, hidden), c_encode = encode(batch, p, config, dropout_key)
    tables, c_head = head.forward(h, batch, p, config, dropout_key and dropout_key.for_rows(batch.random_rows))
    problem = (sequence_problem if head is SEQUENCE else classes_problem)(config, batch)
    results, c_task = task_loss(tables, batch.tables, problem, denominators)
    soft, c_soft = soft_loss(tables, teacher_tables, batch.tables or (), problem, denominators, distill.temperature)
    loss = distill.alpha * results.loss + (1 - distill.alpha) * soft
    c_hidden = None
    if distill.hidden:
        tokens = (denominators or {}).get("tokens", len(batch.ids))
        part, c_hidden = hidden_loss(hidden, teacher_hidden, p.hint, tokens)
        loss = loss + distill.hidden * part
    return TaskResults(loss, results.correct, results.answers), DistillCache(c_encode, c_head, c_task, c_soft, c_hidden)


def distillation_backward(
    dloss: float, cache: DistillCache, p: Tree, g: Tree, config: AlbertConfig, batch: TaskBatch, distill: DistillConfig
) -> None:
    """dloss (): 1 for the gradient of the loss itself, which is added to g"""
    head, alpha = HEADS[type(distill.teacher)], distill.alpha
    dtask, dsoft = task_loss_backward(dloss, cache.c_task), soft_loss_backward(dloss, cache.c_soft)
    dtables = [alpha * a + (1 - alpha) * b for a, b in zip(dtask, dsoft)]
    dh = head.backward(dtables, cache.c_head, p, g)  # (N, H)
    dhidden = hidden_loss_backward(distill.hidden * dloss, cache.c_hidden, p.hint, g.hint) if cache.c_hidden else None
    encode_backward(dh, cache.c_encode, p, g, config, batch, dhidden)


def teacher_outputs(batch: TaskBatch, teacher: Model) -> tuple[list[Array], list[Array]]:
    """Return the teacher's hidden states and its tables of logits."""
    config = teacher.config.replace(recompute=True)  # no caches are stored for a backward pass
    with forward_only():
        (h, hidden), _ = encode(batch, teacher.params, config)
    tables, _ = HEADS[type(teacher)].forward(h, batch, teacher.params, config, None)
    return hidden, tables


def soft_loss(
    tables: list[Array], teacher_tables: list[Array], labels: tuple[Items, ...], problem: str,
    denominators: dict[str, float] | None, temperature: float,
) -> tuple[Array, tuple[str, list[Cache]]]:  # fmt: skip
    """tables, teacher_tables: (R, C) logits of student and teacher; labels: the items of each -> () the loss of labelled rows"""
    loss, caches = np.zeros_like(tables[0], shape=()), []
    for table, teacher, items in zip(tables, teacher_tables, labels):
        if not len(items):
            caches.append((table, None, None))
            continue
        (x, c_gather), (t, _) = gather(table, items.rows), gather(teacher, items.rows)  # (M, C)
        denominator = (denominators["task"] if denominators else len(items)) * len(tables)
        ones = np.ones_like(x[:, 0])
        if problem == CLASSES:
            part, c_loss = soft_cross_entropy(x, t, ones, denominator, temperature)
        else:
            part, c_loss = LOSSES[problem][0](x, 1 / (1 + np.exp(-t)) if problem == SETS else t, ones, denominator)
        loss = loss + part
        caches.append((table, c_gather, c_loss))
    return loss, (problem, caches)


def soft_loss_backward(dloss: float, cache: tuple[str, list[Cache]]) -> list[Array]:
    """dloss () -> for each table its gradient (R, C)"""
    problem, caches = cache
    backward = soft_cross_entropy_backward if problem == CLASSES else LOSSES[problem][1]
    return [
        gather_backward(backward(dloss, c_loss), c_gather) if c_loss else np.zeros_like(table)
        for table, c_gather, c_loss in caches
    ]


def hidden_loss(hidden: list[Array], teacher_hidden: list[Array], p: Namespace, tokens: float) -> tuple[Array, list[Cache]]:
    """hidden: L + 1 of (N, H); teacher_hidden: L_teacher + 1 of (N, H_teacher); p: `hint` (H, H_teacher) -> ()"""
    L, total, caches = len(hidden) - 1, 0.0, []
    for l, h in enumerate(hidden):
        y, c_linear = linear(h, p)  # (N, H_teacher)
        teacher = teacher_hidden[l * (len(teacher_hidden) - 1) // L]
        part, c_error = squared_error(y, teacher, np.ones_like(y[:, 0]), tokens * (L + 1))
        total = total + part
        caches.append((c_linear, c_error))
    return total, caches


def hidden_loss_backward(dloss: float, cache: list[Cache], p: Namespace, g: Namespace) -> list[Array]:
    """dloss () -> for each hidden state its gradient (N, H); adds to g"""
    return [linear_backward(squared_error_backward(dloss, c_error), c_linear, p, g) for c_linear, c_error in cache]


# ---- the training of a student ----


def attach_teacher(model: Model, distill: DistillConfig, seed: int = 0) -> None:
    """Make distillation the model's objective, and add `hint` to its tree if that is needed.

    The ids of a batch must be in both vocabularies; the sizes of the two may differ, since either may be padded.

    Raises ValueError if teacher and student are not for the same task and labels.
    """
    teacher = distill.teacher
    if type(teacher) is not type(model) or type(model) not in HEADS:
        raise ValueError(f"teacher: expected an {type(model).__name__}, like the student, got an {type(teacher).__name__}")
    has_labels = HEADS[type(model)] is not CHOICE  # the number of choices is the questions'
    if has_labels and teacher.config.num_labels != model.config.num_labels:
        raise ValueError(
            f"teacher and student must have the same labels: the teacher has {teacher.config.num_labels}, "
            f"the student {model.config.num_labels}"
        )
    if distill.hidden:
        H, H_teacher = model.config.hidden_size, teacher.config.hidden_size
        model.params = with_form(model.params, model.params.form | {"hint": {"w": (H, H_teacher), "b": (H_teacher,)}})
        start = generator(seed, "init hint.w").standard_normal((H, H_teacher)) / H**0.5
        fill(model.params.hint.w, start if H_teacher != H else np.eye(H))
    model.objective = Objective(  # without output rows: hidden states are compared at every token
        lambda batch, p, config, denominators, key: distillation(batch, p, config, denominators, key, distill),
        lambda dloss, cache, p, g, config, batch: distillation_backward(dloss, cache, p, g, config, batch, distill),
        labels_of=model.objective.labels_of, capturable=False,
    )  # fmt: skip


def detach_teacher(model: Model) -> None:
    """Undo `attach_teacher`; the trained parameters stay."""
    model.__dict__.pop("objective", None)
    model.params = with_form(model.params, {name: part for name, part in model.params.form.items() if name != "hint"})


def with_form(params: Tree, form: Form) -> Tree:
    """Return a tree of this form with the values of the tensors that `params` also has."""
    tree = zero_tree(form, params.flat.dtype, params.flat)
    values = dict(params.items())
    for name, array in tree.items():
        if name in values:
            array[...] = values[name]
    return tree
