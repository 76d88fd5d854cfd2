"""What the public classes have in common: parameters with a config, and calls on ordinary padded (B, T) arrays."""

import os
from collections.abc import Callable
from itertools import repeat
from typing import Any, ClassVar, TypeVar

import numpy as np

from albert_np.core import backend
from albert_np.core.batch import Batch
from albert_np.core.layers import attention_probabilities, linear, pooler
from albert_np.core.model.albert import encode, pretraining, pretraining_backward
from albert_np.core.model.heads import mlm_head
from albert_np.core.params import Tree, initialise, place, shapes
from albert_np.core.random import Dropout
from albert_np.engine import threads
from albert_np.engine.shards import add_up, counts, cuts, number_of_parts, split, together
from albert_np.models.config import AlbertConfig
from albert_np.models.output import Output, joined
from albert_np.models.padded import Padded, pack, padded, unpack, unpack_attention

M = TypeVar("M", bound="Model")


class Model:
    """A config and its parameters.

    The subclasses differ in the heads they have (`parts`) and in what they are trained for (`objective`):

        results, cache = forward(batch, p, config, denominators, rng)
        backward(cache, p, g, config, batch)                                 adds the gradient of results.loss into g
    """

    parts: tuple[str, ...] = ()
    optional: ClassVar[tuple[str, ...]] = ()  # parts that a model loaded from a checkpoint without them does not have
    labels_of: ClassVar[str] = "sequences"  # or "tokens": what the rows of a batch's labels are
    recordable: ClassVar[bool] = True
    objective: tuple[Callable[..., tuple[Any, Any]], Callable[..., None]] = (pretraining, pretraining_backward)

    def __init__(self, config: AlbertConfig, seed: int = 0, dtype: Any = "float32") -> None:
        self.config = self.own(config)
        self.params: Tree = initialise(shapes(config, self.parts), config, seed, dtype)

    @classmethod
    def own(cls, config: AlbertConfig) -> AlbertConfig:
        """The config as a model of this class has it: its key `architectures` names the class, as in HF's files, and by it
        `to_hf` knows what the task's head is called there. ValueError if the class cannot have this config."""
        return config.replace(extra={**config.extra, "architectures": [cls.__name__]})

    @classmethod
    def of(cls: type[M], config: AlbertConfig, params: Tree) -> M:
        """A model of parameters that exist."""
        model = cls.__new__(cls)
        model.config, model.params = cls.own(config), params
        return model

    @classmethod
    def from_pretrained(
        cls: type[M],
        path: str | os.PathLike[str],
        dtype: Any = "float32",
        seed: int = 0,
        config: AlbertConfig | str | os.PathLike[str] | None = None,
        check_finite: bool = True,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **changes: Any,
    ) -> M:
        """Load published weights: Hugging Face's folders (.safetensors, .bin, one file or several), a bare .pth, Google's
        TensorFlow checkpoints (also inside their .tar.gz), .npz, or a name on the hub such as "albert/albert-base-v2".

        config        instead of the one that lies beside the weights; changes: fields to change, such as num_labels=3
        dtype         float32 or float64 (or float16), whatever the file holds
        seed          for heads that the file lacks, which start afresh; a notice says so, and which surplus heads are dropped
        check_finite  refuse weights with NaN or infinities
        revision, cache_dir, local_files_only, token: of the hub, see `albert_np.io.sources.local`

        Raises ValueError that names the file, every tensor that does not fit and the likely cause; FileNotFoundError.
        """
        from albert_np.io.load import load

        hub = dict(revision=revision, cache_dir=cache_dir, local_files_only=local_files_only, token=token)
        return cls.of(
            *load(path, AlbertConfig, cls.parts, dtype, seed, cls.optional, config, changes, check_finite, cls.own, **hub)
        )

    def save_pretrained(self, folder: str | os.PathLike[str], dtype: str = "") -> None:
        """Write config.json and model.safetensors under HF's names; transformers loads them. dtype: "" keeps the parameters'."""
        from albert_np.io.save import save_hf

        save_hf(folder, self.config, self.params, type(self).__name__, dtype)

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

        >>> import albert_np as ab
        >>> model = ab.AlbertModel(ab.AlbertConfig.preset("tiny"), seed=0)
        >>> out = model([[2, 15, 16, 3], [2, 17, 3, 0]], attention_mask=[[1, 1, 1, 1], [1, 1, 1, 0]], output_attentions=True)
        >>> out.last_hidden_state.shape, out.pooler_output.shape, len(out.attentions), out.attentions[0].shape
        ((2, 4, 128), (2, 128), 4, (2, 4, 4, 4))
        """
        inputs = padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        return self._run(inputs, output_hidden_states, output_attentions)

    def _run(self, inputs: Padded, output_hidden_states: bool = False, output_attentions: bool = False) -> Output:
        """The call behind the checks of its arrays."""
        lengths = inputs.visible.sum(1)  # (B,)
        parts = [inputs.between(*cut) for cut in cuts(lengths, number_of_parts(lengths, self._like()))]
        return joined(threads.run(self._forward, parts, repeat(output_hidden_states), repeat(output_attentions)))

    def _forward(self, inputs: Padded, output_hidden_states: bool, output_attentions: bool) -> Output:
        """The forward pass of checked arrays."""
        batch = pack(inputs, self.config, self.params.flat)
        # recompute: nothing is to be kept for a backward pass, unless the attention weights are asked for
        config = self.config.replace(recompute=not output_attentions)
        h, hidden, (_, (_, caches, *_), _) = encode(batch, self.params, config)
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
        """Fill in what the heads make of the representation h (N, H). A checkpoint may have had none of an optional head."""
        if "pooler" in self.params.form:
            out.pooler_output, _ = pooler(h, self.params.pooler, batch.sequences)
        if "mlm" in self.params.form:
            every_row = backend.asarray_like(np.arange(len(h)), h)
            logits, _ = mlm_head(h, every_row, self.params.mlm, self.params.embeddings.word, self.config)  # (N, V)
            out.prediction_logits = out.logits = unpack(logits, inputs.visible)
        if "sop" in self.params.form:
            out.sop_logits, _ = linear(out.pooler_output, self.params.sop)

    def _loss_and_gradients(
        self, batch: Batch, grads: Tree | None, denominators: dict[str, float] | None, rng: Any
    ) -> tuple[Any, Tree]:
        """The public call behind the checks of its arrays -> the loss, a 0-d array, and the gradients."""
        results, grads = self.packed_loss_and_gradients(batch, grads, denominators, as_dropout(rng))
        return backend.asarray_like(results.loss, self.params.flat), grads

    # ---- packed batches: what training uses ----

    def packed_loss(self, batch: Batch, denominators: dict[str, float] | None = None) -> Any:
        """The losses of a packed batch, without dropout and without gradients: `Results`, or a task's `TaskResults`."""
        forward, _ = self.objective
        parts, denominators = self._parts(batch, denominators)
        config = self.config.replace(recompute=True)  # nothing is to be kept for a backward pass
        return together(threads.run(lambda part: forward(part, self.params, config, denominators)[0], parts))

    def packed_loss_and_gradients(
        self,
        batch: Batch,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        rng: Dropout | None = None,
    ) -> tuple[Any, Tree]:
        """The losses of a packed batch and their gradient, added into `grads` if it is given."""
        check_given(self.params, batch, grads, denominators)
        grads = self.params.zeros_like() if grads is None else grads
        parts, denominators = self._parts(batch, denominators)
        trees = [grads, *(grads.zeros_like() for _ in parts[1:])]
        forward, backward = self.objective

        def work(part: Batch, tree: Tree) -> Any:
            results, cache = forward(part, self.params, self.config, denominators, rng)
            backward(cache, self.params, tree, self.config, part)
            return results

        results = threads.run(work, parts, trees)
        add_up([tree.flat for tree in trees])
        return together(results), grads

    def can_be_recorded(self) -> bool:
        """Whether a step needs of the host no more than sizes (see engine/step_graphs.py), and is this class's own."""
        return self.recordable and "objective" not in vars(self)

    def _parts(self, batch: Batch, denominators: dict[str, float] | None) -> tuple[list[Batch], dict[str, float] | None]:
        """What threads compute side by side, and by what the losses of all are divided."""
        whole = denominators or counts(batch)
        k = 1 if whole is None else number_of_parts(batch.sequences.lengths, self._like())
        return ([batch], denominators) if k == 1 else (split(batch, k, self.labels_of), whole)

    def _like(self) -> Any:
        """A parameter (..., H) of the model."""
        return self.params.groups[0].blocks[0].ffn.output.b


def check_given(params: Tree, batch: Batch, grads: Any, denominators: Any) -> None:
    """ValueError unless grads is None or a gradient tree of these parameters, and denominators None or complete."""
    if grads is not None and (not isinstance(grads, Tree) or grads is params or not grads.same_form(params)):
        raise ValueError("grads: expected a tree of this model's form, such as model.params.zeros_like()")
    losses = {"mlm": batch.masked_rows, "sop": batch.order_labels, "task": batch.labels}
    wanted = [name for name, given in losses.items() if given is not None]
    if denominators is not None and not (
        isinstance(denominators, dict) and all(is_positive(denominators.get(name, 0)) for name in wanted)
    ):
        raise ValueError(f"denominators: expected positive numbers for {', '.join(wanted)}, got {denominators!r}")


def is_positive(number: Any) -> bool:
    """Whether a number is above 0; of one on a device, for which one would have to wait, it is believed."""
    if isinstance(number, int | float | np.generic | np.ndarray):
        return float(number) > 0
    return hasattr(number, "dtype")


def as_dropout(rng: Any) -> Dropout | None:
    """rng=... of a call: None, a `Dropout`, a seed, or a NumPy generator to draw the seed from."""
    if rng is None or isinstance(rng, Dropout):
        return rng
    if isinstance(rng, np.random.Generator):
        return Dropout(int(rng.integers(2**63)))
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return Dropout(int(rng))
    raise ValueError(f"rng: expected a Dropout, a seed or a numpy Generator, got {rng!r}")
