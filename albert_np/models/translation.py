"""ALBERT as a sequence-to-sequence model, by the attention pattern alone (Dong et al. 2019; Raffel et al. 2020, "prefix LM").

    [CLS] source [SEP] target [SEP]        token types 0 and 1, positions running on

A source token attends to the source; a target token to the source, the target tokens before it and itself. From the source's
[SEP] on, each row predicts the next token, through the masked language model's head. There is no separate decoder: the parameters
are those of any ALBERT, so a pretrained one can be fine-tuned directly.
"""

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array, op
from albert_np.core.layers import cross_entropy, cross_entropy_backward
from albert_np.core.model.albert import encode, encode_backward
from albert_np.core.model.heads import mlm_head, mlm_head_backward
from albert_np.core.params import Tree
from albert_np.core.random import RandomKey
from albert_np.models.base import Model, Rng
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.heads import cls_and_masked_rows
from albert_np.models.objective import Objective
from albert_np.models.output import Output
from albert_np.models.padded import IGNORED, ArrayLike, Padded, check_padded, integers, pack
from albert_np.models.task_losses import TaskResults

TranslationCache = namedtuple("TranslationCache", "h c_encode c_head c_loss")


@op
def translation(
    batch: TaskBatch, p: Tree, config: AlbertConfig, denominators: dict[str, float] | None = None,
    dropout_key: RandomKey | None = None,
) -> tuple[TaskResults, TranslationCache]:  # fmt: skip
    """Return the cross-entropy of the target's tokens, each predicted from the tokens before it (teacher forcing).

    batch.masked has the predicting rows and the tokens that follow them. denominators {"mlm": ...} default to their number.
    """
    (h, _), c_encode = encode(batch, p, config, dropout_key)  # (N, H)
    items = batch.masked
    if not items:
        zero = np.zeros_like(h, shape=())
        return TaskResults(zero, zero, 0), TranslationCache(h, c_encode, None, None)
    logits, c_head = mlm_head(h, items.rows, p, config)  # (M, V)
    weights = np.ones_like(logits[:, 0]) if items.weights is None else items.weights  # (M,)
    denominator = (denominators or batch.denominators())["mlm"]
    loss, c_loss = cross_entropy(logits, items.labels, weights, denominator, batch.label_smoothing)
    correct = ((logits.argmax(-1) == items.labels) & (weights > 0)).sum()
    return TaskResults(loss, correct, len(items)), TranslationCache(h, c_encode, c_head, c_loss)


@op
def translation_backward(
    dloss: float, cache: TranslationCache, p: Tree, g: Tree, config: AlbertConfig, batch: TaskBatch
) -> None:  # fmt: skip
    """dloss (): 1 for the gradient of the loss itself, which is added to g"""
    if cache.c_head is None:
        dh = np.zeros_like(cache.h)  # (N, H)
    else:
        dlogits = cross_entropy_backward(dloss, cache.c_loss)  # (M, V)
        dh = mlm_head_backward(dlogits, cache.c_head, p, g, config)  # (N, H)
    encode_backward(dh, cache.c_encode, p, g, config, batch)


class AlbertForTranslation(Model):
    """The body with the attention of translation, and the tied masked-language-model head.

    A call takes [CLS] source [SEP] target [SEP] with token types 0 and 1, and gives .logits (B, T, V): the prediction of each row
    for the token that follows it. `generate` takes [CLS] source [SEP] and writes the target.
    """

    heads = ("mlm",)
    objective = Objective(translation, translation_backward, output_rows=cls_and_masked_rows)

    def __call__(
        self,
        *arguments: Any,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        outputs: str | Iterable[str] | None = None,
        **named: Any,
    ) -> Output:
        """The forward pass of (B, T) arrays: input_ids, attention_mask, token_type_ids, position_ids. See `Model.__call__`."""
        inputs = with_sources(check_padded(self.config, *arguments, **named))
        return self._run(inputs, output_hidden_states, output_attentions, outputs)

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
        label_smoothing: float = 0.0,
    ) -> tuple[Array, Tree]:
        """Return the cross-entropy of the target's tokens, a 0-d array, and its gradient, a tree like `params`.

        labels (B, T): the expected token at each target position, -100 = ignore (shifted by one here, as in transformers); None:
        the target tokens themselves. The source has no labels. The loss is a mean over the labelled tokens, or a sum
        divided by `denominators` {"mlm": ...}. label_smoothing: ε, see core/layers/cross_entropy.py. For the rest see
        `AlbertForPreTraining.loss_and_gradients`.
        """
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing: expected a number from 0 to below 1, got {label_smoothing!r}")
        inputs = with_sources(check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids))
        follows = shifted(target_labels(labels, inputs), inputs.visible)
        batch = pack(inputs, self.config, self.params.flat, follows, objective=self.objective, label_smoothing=label_smoothing)
        return self._loss_and_gradients(batch, grads, denominators, rng)

    def generate(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike = None,
        num_beams: int = 1,
        max_new_tokens: int | None = None,
        length_penalty: float = 1.0,
        eos_token_id: int | None = None,
        vocab_size: int | None = None,
    ) -> np.ndarray:
        """Write the target of each source: greedily with one beam, else by beam search.   input_ids (B, S) -> (B, T) host array

        input_ids        rows of [CLS] source [SEP], padded where attention_mask (B, S) is 0
        max_new_tokens   maximum number of tokens of a target; None: as many as max_position_embeddings leaves
        length_penalty   a beam's score is log p / length ** length_penalty
        eos_token_id     ends a target; None: each row's last visible token, which is [SEP]
        vocab_size       only ids below it are generated: the number of the tokenizer's pieces, if the model has more rows

        A row has the tokens of the target, which end with eos_token_id unless it was cut off, followed by padding ids.
        """
        from albert_np.models.generation import generate

        inputs = check_padded(self.config, input_ids, attention_mask)
        return generate(self, inputs, num_beams, max_new_tokens, length_penalty, eos_token_id, vocab_size)


def with_sources(inputs: Padded) -> Padded:
    """Add the lengths of the sources: the visible tokens of type 0. Raises ValueError unless they come first."""
    target = (inputs.token_types == 1) & inputs.visible  # (B, T)
    from_target_on = np.maximum.accumulate(target, axis=1)
    wrong = (inputs.visible & (inputs.token_types != from_target_on)).any(axis=1)
    sources = (inputs.visible & ~from_target_on).sum(axis=1)  # (B,)
    if wrong.any() or not sources.all():
        row = int((wrong | (sources == 0)).argmax())
        raise ValueError(
            f"token_type_ids: expected 0 for the source, of at least one token, and then 1 for the target; row {row} is "
            f"{inputs.token_types[row][inputs.visible[row]].tolist()}"
        )
    return Padded(inputs.visible, inputs.ids, inputs.token_types, inputs.positions, source_lengths=sources)


def target_labels(labels: ArrayLike, inputs: Padded) -> np.ndarray:
    """Return the labels (B, T), by default the target's ids; -100 at the source. ValueError if the source has labels."""
    target = inputs.visible & (inputs.token_types == 1)
    if labels is None:
        return np.where(target, inputs.ids, IGNORED)
    if not isinstance(labels, (np.ndarray, list, tuple)):
        labels = backend.to_host(labels)
    checked = integers("labels", labels, inputs.visible.shape)
    outside = (checked != IGNORED) & ~target
    if outside.any():
        row, position = (int(i[0]) for i in np.nonzero(outside))
        raise ValueError(
            f"labels: only visible tokens of the target have one, but row {row} has {checked[row, position]} at {position}"
        )
    return checked


def shifted(labels: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """labels (B, T) of the tokens themselves -> (B, T) the label of the next visible token"""
    follows = np.full_like(labels, IGNORED)
    for row, own, is_visible in zip(follows, labels, visible):
        positions = np.flatnonzero(is_visible)
        row[positions[:-1]] = own[positions[1:]]
    return follows
