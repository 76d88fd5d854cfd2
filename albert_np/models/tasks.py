"""The public classes of fine-tuning: the body with the head of a task."""

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
from albert_np.models.heads import cls_rows, entity_rows, relation_head, token_head
from albert_np.models.labels import entity_positions as checked_entities
from albert_np.models.labels import relation_labels, sequence_labels, span_labels, token_labels
from albert_np.models.output import Output
from albert_np.models.padded import ArrayLike, Padded, check_padded, pack, unpack
from albert_np.models.requested import every_row
from albert_np.models.task_losses import (
    QUESTION_ANSWERING,
    RELATION_CLASSIFICATION,
    SEQUENCE_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
)


class AlbertForSequenceClassification(Model):
    """The body, its pooler, and a linear map onto config.num_labels: one class, one or several numbers, or a set of classes for
    each sequence.

    A call gives .logits (B, C).
    """

    heads = ("pooler", "task")
    objective = SEQUENCE_CLASSIFICATION
    head_rows: ClassVar = {"logits": cls_rows}

    def _add_heads(
        self, out: Output, h: Array, batch: TaskBatch, inputs: Padded, wanted: tuple[str, ...] | None = None
    ) -> None:  # fmt: skip
        super()._add_heads(out, h, batch, inputs, wanted)
        out.logits, _ = linear(out.pooler_output, self.params.task)  # (B, C)

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
        """Return the loss, a 0-d array, and its gradient, a tree like `params`.

        config.problem_type selects the loss; if it is None, the number and the dtype of the labels do, as in transformers:

            regression                    squared error; one label, numbers (B,) or (B, C)
            single_label_classification   cross-entropy; integers (B,), -100 = ignore the sequence
            multi_label_classification    binary cross-entropy of each class; floats (B, C) from 0 to 1

        It is a mean over the labelled sequences (for labels (B, C) of the means over C numbers), or a sum divided by
        `denominators` {"task": ...}, which counts sequences; without items it is 0. The gradient is added to `grads` if given.
        Dropout is applied only if `rng` is given.

        Raises ValueError that names the argument, what was given and what was expected.
        """
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        task = sequence_labels(labels, len(inputs.visible), self.config)
        return self._loss_and_gradients(
            pack(inputs, self.config, self.params.flat, task=task, objective=self.objective), grads, denominators, rng
        )


class AlbertForTokenClassification(Model):
    """The body and a linear map of every token onto config.num_labels classes.

    A call gives .logits (B, T, C), zero at padding.
    """

    heads = ("task",)
    objective = TOKEN_CLASSIFICATION
    head_rows: ClassVar = {"logits": every_row}

    def _add_heads(
        self, out: Output, h: Array, batch: TaskBatch, inputs: Padded, wanted: tuple[str, ...] | None = None
    ) -> None:  # fmt: skip
        super()._add_heads(out, h, batch, inputs, wanted)
        logits, _ = token_head(h, self.params.task, self.config, None)  # (N, C)
        out.logits = unpack(logits, inputs.visible)

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
        """Return the cross-entropy of the tokens' classes, a 0-d array, and its gradient, a tree like `params`.

        labels (B, T): integers, -100 = ignore, which is required for hidden tokens. The loss is a mean over the labelled tokens,
        or a sum divided by `denominators` {"task": ...}, which counts tokens. For the rest see
        `AlbertForSequenceClassification.loss_and_gradients`.
        """
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        task = token_labels(labels, inputs.visible, self.config)
        return self._loss_and_gradients(
            pack(inputs, self.config, self.params.flat, task=task, objective=self.objective), grads, denominators, rng
        )


class AlbertForQuestionAnswering(Model):
    """The body and a linear map of every token onto two scores, for the start and the end of the answer.

    A call gives .start_logits and .end_logits (B, T), finfo(dtype).min at hidden positions.
    """

    heads = ("task",)
    objective = QUESTION_ANSWERING
    head_rows: ClassVar = {"start_logits": every_row, "end_logits": every_row}

    @classmethod
    def adapt(cls, config: AlbertConfig) -> AlbertConfig:
        if config.num_labels != 2:
            raise ValueError(f"num_labels must be 2 for question answering, the start and the end, not {config.num_labels}")
        return super().adapt(config)

    def _add_heads(
        self, out: Output, h: Array, batch: TaskBatch, inputs: Padded, wanted: tuple[str, ...] | None = None
    ) -> None:  # fmt: skip
        super()._add_heads(out, h, batch, inputs, wanted)
        scores, _ = linear(h, self.params.task)  # (N, 2)
        visible = backend.asarray_like(inputs.visible, h)
        spans = np.where(visible[:, :, None], unpack(scores, inputs.visible), float(np.finfo(h.dtype).min))  # (B, T, 2)
        out.start_logits, out.end_logits = spans[:, :, 0], spans[:, :, 1]

    def loss_and_gradients(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike = None,
        token_type_ids: ArrayLike = None,
        start_positions: ArrayLike = None,
        end_positions: ArrayLike = None,
        position_ids: ArrayLike = None,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Rng = None,
    ) -> tuple[Array, Tree]:
        """Return the loss, a 0-d array, and its gradient, a tree like `params`.

        start_positions, end_positions (B,): positions in the padded row of the answer's first and last token. -100, and positions
        beyond the row (as in transformers: the answer was truncated), are ignored; a hidden position is a ValueError.

        The loss is the mean of the cross-entropies of starts and of ends, each a mean over the labelled sequences, or a sum
        divided by `denominators` {"task": ...}, which counts sequences. For the rest see
        `AlbertForSequenceClassification.loss_and_gradients`.

        The softmax runs over the visible tokens of a sequence. transformers' runs over the whole padded row, so its loss changes
        with the padding; without padding the two agree.
        """
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        task = span_labels(start_positions, end_positions, inputs.visible)
        return self._loss_and_gradients(
            pack(inputs, self.config, self.params.flat, task=task, objective=self.objective), grads, denominators, rng
        )


class AlbertForRelationClassification(Model):
    """The body and a linear map of two tokens of each sequence, side by side, onto config.num_labels classes: the
    relations between two entities. transformers has no such class.

    A call gives .logits (B, C).
    """

    heads = ("relation",)
    objective = RELATION_CLASSIFICATION
    head_rows: ClassVar = {"logits": entity_rows}

    def __call__(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike = None,
        token_type_ids: ArrayLike = None,
        position_ids: ArrayLike = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        entity_positions: ArrayLike = None,
        *,
        outputs: str | Iterable[str] | None = None,
    ) -> Output:
        """As `Model.__call__`; entity_positions (B, 2): positions in the padded row of the first tokens of the two entities."""
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        inputs = replace(inputs, entities=checked_entities(entity_positions, inputs.visible))
        return self._run(inputs, output_hidden_states, output_attentions, outputs)

    def _add_heads(
        self, out: Output, h: Array, batch: TaskBatch, inputs: Padded, wanted: tuple[str, ...] | None = None
    ) -> None:  # fmt: skip
        super()._add_heads(out, h, batch, inputs, wanted)
        out.logits, _ = relation_head(h, batch.entity_rows, self.params.relation, self.config, None)  # (B, C)

    def loss_and_gradients(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike = None,
        token_type_ids: ArrayLike = None,
        labels: ArrayLike = None,
        position_ids: ArrayLike = None,
        entity_positions: ArrayLike = None,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Rng = None,
    ) -> tuple[Array, Tree]:
        """Return the cross-entropy of the relations, a 0-d array, and its gradient, a tree like `params`.

        labels (B,): integers, -100 = ignore; entity_positions (B, 2): see `__call__`. For the rest see
        `AlbertForSequenceClassification.loss_and_gradients`.
        """
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        inputs = replace(inputs, entities=checked_entities(entity_positions, inputs.visible))
        task = relation_labels(labels, len(inputs.visible), self.config)
        return self._loss_and_gradients(
            pack(inputs, self.config, self.params.flat, task=task, objective=self.objective), grads, denominators, rng
        )
