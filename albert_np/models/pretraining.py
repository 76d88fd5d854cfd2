"""The public classes of the body and of pretraining."""

from albert_np.core.dispatch import Array
from albert_np.core.params import Tree
from albert_np.models.base import Model, Rng
from albert_np.models.padded import ArrayLike, check_padded, pack


class AlbertModel(Model):
    """The body and its pooler: hidden states, and one vector for each sequence.

    A call gives .last_hidden_state (B, T, H) and .pooler_output (B, H). A new model is drawn from `seed` with the deviation
    config.initializer_range; `from_pretrained` loads one.
    """

    heads = ("pooler",)
    optional = ("pooler",)  # as in files of AlbertForMaskedLM


class AlbertForPreTraining(Model):
    """The body with both heads of pretraining: masked language model and sentence order.

    A call gives .prediction_logits (B, T, V) and .sop_logits (B, 2), of which 0 means in order and 1 swapped. `pretrain` trains
    it on text, `loss_and_gradients` computes one step by hand.
    """

    heads = ("pooler", "mlm", "sop")

    def loss_and_gradients(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike = None,
        token_type_ids: ArrayLike = None,
        labels: ArrayLike = None,
        sentence_order_label: ArrayLike = None,
        position_ids: ArrayLike = None,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Rng = None,
    ) -> tuple[Array, Tree]:
        """Return the joint loss, a 0-d array, and its gradient, a tree like `params`.

        labels (B, T): ids to predict, -100 = ignore; sentence_order_label (B,): 0 in order, 1 swapped. The losses whose
        labels are given are added, each a mean over its items, or a sum divided by `denominators` {"mlm": ..., "sop": ...};
        without items the loss is 0. The gradient is added to `grads` if given. Dropout is applied only if `rng` is given.

        >>> import math, albert_np as ab
        >>> model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny"), seed=0)
        >>> loss, grads = model.loss_and_gradients([[2, 4, 16, 3]], labels=[[-100, 15, -100, -100]], sentence_order_label=[0])
        >>> abs(float(loss) - math.log(4000) - math.log(2)) < 0.1  # a fresh model guesses: ln V, and ln 2 for the order
        True
        >>> grads.embeddings.word.shape, grads.groups[0].blocks[0].attention.query.w.shape
        ((4000, 64), (128, 128))

        And one update of an optimiser:

        >>> state = ab.optim.init("lamb", model.params)
        >>> ab.optim.step(model.params, grads, state, lr=0.01)
        >>> again, _ = model.loss_and_gradients([[2, 4, 16, 3]], labels=[[-100, 15, -100, -100]], sentence_order_label=[0])
        >>> bool(again < loss), state.count
        (True, 1)
        """
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        batch = pack(inputs, self.config, self.params.flat, labels, sentence_order_label, objective=self.objective)
        return self._loss_and_gradients(batch, grads, denominators, rng)


class AlbertForMaskedLM(Model):
    """The body with the masked language model's head, whose decoder is the word table.

    A call gives .logits (B, T, V), the same as .prediction_logits: scores of every piece at every position.
    """

    heads = ("mlm",)

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
        """Return the masked-language-model loss and its gradient; see `AlbertForPreTraining.loss_and_gradients`."""
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        batch = pack(inputs, self.config, self.params.flat, labels, objective=self.objective)
        return self._loss_and_gradients(batch, grads, denominators, rng)
