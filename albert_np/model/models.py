"""The public classes: parameters with a config, and calls on ordinary padded (B, T) arrays."""

import os
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from albert_np import backend
from albert_np.config import AlbertConfig
from albert_np.layers import attention_probabilities, linear, pooler
from albert_np.model.albert import Results, encode, pretraining, pretraining_backward
from albert_np.model.batch import Batch
from albert_np.model.heads import mlm_head
from albert_np.model.packing import Padded, pack, padded, unpack, unpack_attention
from albert_np.params import Tree, initialise, place, shapes
from albert_np.randomness import Dropout

M = TypeVar("M", bound="Model")


@dataclass
class Output:
    """What a call returns; arrays live where the parameters live, rows of padding are zero.

    last_hidden_state (B, T, H), the fused one if there is fusion · pooler_output (B, H) · hidden_states L + 1 of (B, T, H) ·
    attentions one (B, A, T, T) a block · prediction_logits and logits (B, T, V) · sop_logits (B, 2)
    """

    last_hidden_state: Any = None
    pooler_output: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None
    prediction_logits: Any = None
    sop_logits: Any = None
    logits: Any = None


class Model:
    """A config and its parameters. The subclasses differ in the heads they have (`parts`)."""

    parts: tuple[str, ...] = ()

    def __init__(self, config: AlbertConfig, seed: int = 0, dtype: Any = "float32") -> None:
        self.config = config
        self.params: Tree = initialise(shapes(config, self.parts), config, seed, dtype)

    @classmethod
    def of(cls: type[M], config: AlbertConfig, params: Tree) -> M:
        """A model of parameters that exist."""
        model = cls.__new__(cls)
        model.config, model.params = config, params
        return model

    @classmethod
    def from_pretrained(cls: type[M], path: str | os.PathLike[str], dtype: Any = "float32", seed: int = 0) -> M:
        """Load a folder that `save_pretrained`, or transformers, has written (config.json and model.safetensors)."""
        from albert_np.weights.folder import load

        return cls.of(*load(path, cls.parts, dtype, seed))

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write config.json and model.safetensors under HF's names; transformers loads them."""
        from albert_np.weights.folder import save

        save(folder, self.config, self.params, type(self).__name__)

    def to(self: M, name: str) -> M:
        """Move the parameters to a backend, "numpy" or "cupy"; the model itself comes back."""
        values = {key: backend.to_host(array) for key, array in self.params.items()}
        dtype = self.params.flat.dtype
        like = backend.named(name).asarray(np.empty(0, dtype))
        self.params = place(self.params.form, values, dtype, like)
        return self

    def __call__(
        self,
        input_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> Output:
        """The forward pass of (B, T) integer arrays, without dropout.

        Raises ValueError that names the argument where shapes do not fit or ids are outside their tables.
        """
        inputs = padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        batch = pack(inputs, self.config, None, None, like=self.params.flat)
        # recompute: nothing is to be kept for a backward pass, unless the attention weights are asked for
        config = self.config.replace(recompute=not output_attentions)
        h, hidden, (_, (_, caches, _), _) = encode(batch, self.params, config)
        out = Output(last_hidden_state=unpack(h, inputs.visible))
        if output_hidden_states:
            out.hidden_states = tuple(unpack(x, inputs.visible) for x in hidden)
        if output_attentions:
            out.attentions = tuple(
                unpack_attention(attention_probabilities(block[0]), inputs.visible, h) for layer in caches for block in layer
            )
        self._heads(out, h, batch, inputs)
        return out

    def _heads(self, out: Output, h: Any, batch: Batch, inputs: Padded) -> None:
        """Fill in what this class's heads make of the representation h (N, H)."""
        if "pooler" in self.parts:
            out.pooler_output, _ = pooler(h, self.params.pooler, batch.sequences)
        if "mlm" in self.parts:
            every_row = backend.asarray_like(np.arange(len(h)), h)
            logits, _ = mlm_head(h, every_row, self.params.mlm, self.params.embeddings.word, self.config)  # (N, V)
            out.prediction_logits = out.logits = unpack(logits, inputs.visible)
        if "sop" in self.parts:
            out.sop_logits, _ = linear(out.pooler_output, self.params.sop)

    def _loss_and_gradients(
        self, inputs: Padded, labels: Any, order: Any, grads: Tree | None, denominators: dict[str, float] | None, rng: Any
    ) -> tuple[Any, Tree]:
        """The public call behind the checks of its arrays -> the loss, a 0-d array, and the gradients."""
        batch = pack(inputs, self.config, labels, order, like=self.params.flat)
        results, grads = self.packed_loss_and_gradients(batch, grads, denominators, as_dropout(rng))
        return backend.asarray_like(results.loss, self.params.flat), grads

    # ---- packed batches: what training uses ----

    def packed_loss(self, batch: Batch, denominators: dict[str, float] | None = None) -> Results:
        """The losses of a packed batch, without dropout and without gradients."""
        results, _ = pretraining(batch, self.params, self.config.replace(recompute=True), denominators)
        return results

    def packed_loss_and_gradients(
        self,
        batch: Batch,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Dropout | None = None,
    ) -> tuple[Results, Tree]:
        """The losses of a packed batch and their gradient, added into `grads` if it is given."""
        check_given(self.params, batch, grads, denominators)
        grads = self.params.zeros_like() if grads is None else grads
        results, cache = pretraining(batch, self.params, self.config, denominators, rng)
        pretraining_backward(cache, self.params, grads, self.config, batch)
        return results, grads


def check_given(params: Tree, batch: Batch, grads: Any, denominators: Any) -> None:
    """ValueError unless grads is None or a gradient tree of these parameters, and denominators None or complete."""
    if grads is not None and (not isinstance(grads, Tree) or grads is params or not grads.same_form(params)):
        raise ValueError("grads: expected a tree of this model's form, such as model.params.zeros_like()")
    wanted = [name for name, given in (("mlm", batch.masked_rows), ("sop", batch.order_labels)) if given is not None]
    if denominators is not None and not (
        isinstance(denominators, dict) and all(denominators.get(name, 0) > 0 for name in wanted)
    ):
        raise ValueError(f"denominators: expected positive numbers for {', '.join(wanted)}, got {denominators!r}")


def as_dropout(rng: Any) -> Dropout | None:
    """rng=... of a call: None, a `Dropout`, a seed, or a NumPy generator to draw the seed from."""
    if rng is None or isinstance(rng, Dropout):
        return rng
    if isinstance(rng, np.random.Generator):
        return Dropout(int(rng.integers(2**63)))
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return Dropout(int(rng))
    raise ValueError(f"rng: expected a Dropout, a seed or a numpy Generator, got {rng!r}")


class AlbertModel(Model):
    """The body and its pooler."""

    parts = ("pooler",)


class AlbertForPreTraining(Model):
    """The body with both heads of pretraining: masked language model and sentence order."""

    parts = ("pooler", "mlm", "sop")

    def loss_and_gradients(
        self,
        input_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        labels: Any = None,
        sentence_order_label: Any = None,
        position_ids: Any = None,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Any = None,
    ) -> tuple[Any, Tree]:
        """The joint loss, a 0-d array, and its gradient, a tree like `params`.

        labels (B, T): pieces to predict, -100 = ignore; sentence_order_label (B,): 0 in order, 1 swapped. The losses whose
        labels are given are added, each a mean over its items, or a sum over `denominators` {"mlm": ..., "sop": ...}; no items
        make a loss of 0. With `grads` the gradient is added into it. Dropout happens only if `rng` is given.
        """
        inputs = padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        return self._loss_and_gradients(inputs, labels, sentence_order_label, grads, denominators, rng)


class AlbertForMaskedLM(Model):
    """The body with the masked language model's head."""

    parts = ("mlm",)

    def loss_and_gradients(
        self,
        input_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        labels: Any = None,
        position_ids: Any = None,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Any = None,
    ) -> tuple[Any, Tree]:
        """The masked-language-model loss and its gradient; see `AlbertForPreTraining.loss_and_gradients`."""
        inputs = padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        return self._loss_and_gradients(inputs, labels, None, grads, denominators, rng)
