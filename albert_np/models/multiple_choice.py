"""The public class of multiple choice: which of several sequences, such as a passage with each possible answer, is right."""

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.core.layers import linear
from albert_np.core.params import Tree
from albert_np.models.base import Model, Rng
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.heads import cls_rows
from albert_np.models.labels import choice_labels
from albert_np.models.output import Output
from albert_np.models.padded import ArrayLike, Padded, check_padded, integers, pack
from albert_np.models.task_losses import MULTIPLE_CHOICE


class AlbertForMultipleChoice(Model):
    """The body, its pooler, and a linear map of each choice onto one score: which of several sequences is right (SWAG, RACE).

    input_ids, attention_mask, token_type_ids and position_ids have the shape (B, choices, T), a row for each choice of each of B
    questions, and a call gives .logits (B, choices). The other outputs have B · choices rows, as in transformers.

    Questions may differ in their number of choices: a choice whose attention_mask is 0 everywhere does not exist. Its logit is
    finfo(dtype).min, its other outputs are 0, and no label may name it; every question needs one choice that does exist.
    """

    heads = ("pooler", "choice")
    objective = MULTIPLE_CHOICE
    takes_choices = True
    head_rows: ClassVar = {"logits": cls_rows}

    def __call__(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike = None,
        token_type_ids: ArrayLike = None,
        position_ids: ArrayLike = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        *,
        outputs: str | Iterable[str] | None = None,
    ) -> Output:
        """The forward pass of (B, choices, T) integer arrays, without dropout. outputs: see `Model.__call__`.

        Raises ValueError that names the argument where shapes do not fit or ids are outside their tables.

        >>> import albert_np as ab
        >>> model = ab.AlbertForMultipleChoice(ab.AlbertConfig.preset("tiny"), seed=0)
        >>> ids = [[[2, 15, 3, 16, 3], [2, 15, 3, 17, 3], [2, 15, 3, 18, 3]]]  # one question with three choices
        >>> out = model(ids)
        >>> out.logits.shape, out.pooler_output.shape
        ((1, 3), (3, 128))
        >>> loss, grads = model.loss_and_gradients(ids, labels=[1])
        >>> grads.choice.w.shape
        (128, 1)
        """
        inputs, present = check_choices(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        out = self._run(inputs, output_hidden_states, output_attentions, outputs)
        if out.logits is not None:
            lowest = float(np.finfo(self.params.flat.dtype).min)
            out.logits = expand(out.logits, present, lowest).reshape(present.shape)  # (B, choices)
        for name in ("last_hidden_state", "pooler_output"):
            if (value := getattr(out, name)) is not None:
                setattr(out, name, expand(value, present))
        for name in ("hidden_states", "attentions"):
            if (values := getattr(out, name)) is not None:
                setattr(out, name, tuple(expand(value, present) for value in values))
        return out

    def _add_heads(
        self, out: Output, h: Array, batch: TaskBatch, inputs: Padded, wanted: tuple[str, ...] | None = None
    ) -> None:  # fmt: skip
        super()._add_heads(out, h, batch, inputs, wanted)
        out.logits = linear(out.pooler_output, self.params.choice)[0][:, 0]  # (R,)

    def loss_and_gradients(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike = None,
        token_type_ids: ArrayLike = None,
        labels: ArrayLike = None,
        position_ids: ArrayLike = None,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Rng = None,
    ) -> tuple[Array, Tree]:
        """Return the cross-entropy of the right choices, a 0-d array, and its gradient, a tree like `params`.

        labels (B,): the index of the right choice of each question, -100 = ignore. The softmax runs over the choices that a
        question has. The loss is a mean over the labelled questions, or a sum divided by `denominators` {"task": ...}, which
        counts questions. For the rest see `AlbertForSequenceClassification.loss_and_gradients`.
        """
        inputs, present = check_choices(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        task = choice_labels(labels, present)
        inputs = replace(inputs, group_sizes=present.sum(axis=1))
        return self._loss_and_gradients(
            pack(inputs, self.config, self.params.flat, task=task, objective=self.objective), grads, denominators, rng
        )


def check_choices(
    config: AlbertConfig,
    input_ids: ArrayLike,
    attention_mask: ArrayLike = None,
    token_type_ids: ArrayLike = None,
    position_ids: ArrayLike = None,
) -> tuple[Padded, np.ndarray]:
    """Check a user's (B, choices, T) arrays -> the rows (R, T) of the choices that exist, and (B, choices) which do."""
    ids = integers("input_ids", input_ids)
    if ids.ndim != 3 or ids.size == 0:
        raise ValueError(f"input_ids: expected the shape (B, choices, T), got {ids.shape}")
    shape = ids.shape
    mask = np.ones(shape, np.int64) if attention_mask is None else integers("attention_mask", attention_mask, shape)
    present = (mask != 0).any(axis=2)  # (B, choices)
    if not present.any(axis=1).all():
        question = int((~present.any(axis=1)).argmax())
        raise ValueError(
            f"attention_mask: all choices of question {question} are hidden completely; expected a choice with a visible token"
        )
    types = None if token_type_ids is None else integers("token_type_ids", token_type_ids, shape)
    positions = None if position_ids is None else integers("position_ids", position_ids)
    if positions is not None and positions.shape not in (shape, (1, 1, shape[2]), (1, shape[2]), shape[2:]):
        raise ValueError(f"position_ids: expected the shape {shape}, got {positions.shape}")
    if positions is not None:
        positions = np.broadcast_to(positions, shape)[present]
    rows = check_padded(config, ids[present], mask[present], None if types is None else types[present], positions)
    return rows, present


def expand(x: Array, present: np.ndarray, value: float = 0.0) -> Array:
    """x (R, ...), rows of the choices that exist -> (B · choices, ...), with this value in the others"""
    if present.all():
        return x
    chosen = present.reshape(-1)  # (B · choices,)
    rows = np.where(chosen, np.cumsum(chosen) - 1, 0)
    mask = chosen.reshape(-1, *[1] * (x.ndim - 1))
    return np.where(backend.asarray_like(mask, x), np.take(x, backend.asarray_like(rows, x), axis=0), value)
