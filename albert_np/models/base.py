"""The base of the public classes: a config, parameters, and calls on padded (B, T) arrays."""

import os
from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from albert_np.core import backend
from albert_np.core.dispatch import Array, untagged
from albert_np.core.layers import linear, pooler
from albert_np.core.model.albert import encode
from albert_np.core.model.heads import mlm_head
from albert_np.core.params import Form, Tree, fill, zero_tree
from albert_np.core.random import RandomKey
from albert_np.engine import inference, threads
from albert_np.engine.cpu.encoder import forward_only
from albert_np.engine.shards import group_lengths, number_of_shards, reduce_grads, split, split_points, sum_results
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.layers import attention_probabilities
from albert_np.models.objective import PRETRAINING, Objective
from albert_np.models.output import Output, join_outputs
from albert_np.models.padded import ArrayLike, Padded, check_padded, pack, unpack, unpack_attention
from albert_np.models.requested import (
    RowsOf,
    available_outputs,
    checked_outputs,
    declares_rows,
    head_outputs,
    present_outputs,
    union_rows,
)
from albert_np.models.shapes import checked_dtype, first_value, initialise, shapes
from albert_np.models.torch_names import INSTEAD

M = TypeVar("M", bound="Model")
Dropout = RandomKey  # the public name: ab.Dropout
Rng: TypeAlias = RandomKey | np.random.Generator | int | None  # of the dropout; None: no dropout


class Model:
    """A config and its parameters.

    The subclasses differ in the heads that they have (`heads`) and in what they are trained for (`objective`).
    """

    heads: tuple[str, ...] = ()
    optional: ClassVar[tuple[str, ...]] = ()  # heads that a model loaded from a checkpoint without them does not have
    objective: Objective = PRETRAINING
    takes_choices: ClassVar[bool] = False  # a call's arrays are (B, choices, T) instead of (B, T)
    head_rows: ClassVar[dict[str, RowsOf]] = {}  # outputs of the class's own head, and the rows that each reads
    prepared = False  # see `prepare`

    def __init__(self, config: AlbertConfig, seed: int = 0, dtype: DTypeLike = "float32") -> None:
        self.config = self.adapt(config)
        self.params: Tree = initialise(self.shapes(config), config, seed, dtype)

    def __repr__(self) -> str:
        count, dtype = self.params.count(), self.params.flat.dtype
        return f"{type(self).__name__}({self.config.sizes()}; {count:,} parameters, {dtype}, {backend.of(self.params.flat).name})"

    if not TYPE_CHECKING:  # it would have every name, mistyped ones too

        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError, for a name of PyTorch or transformers with what stands for it here."""
            hint = f": {INSTEAD[name]}" if name in INSTEAD else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name)

    def _repr_html_(self) -> str:
        """Return a table of the parameters, under the config's sizes."""
        from albert_np.io.html import make_table

        count, where = self.params.count(), f"{self.params.flat.dtype}, {backend.of(self.params.flat).name}"
        rows = [(name, array.shape, array.size) for name, array in self.params.items()]
        title = f"{type(self).__name__}: {count:,} parameters, {where}"
        sizes = make_table([(self.config.sizes(),)], title=title)
        return sizes + make_table(rows, ("tensor", "shape", "parameters"), foot=("total", "", count))

    @classmethod
    def shapes(cls, config: AlbertConfig) -> Form:
        """Return the form of the parameter tree."""
        return shapes(config, cls.heads)

    @classmethod
    def adapt(cls, config: AlbertConfig) -> AlbertConfig:
        """Return the config with the class's name under `architectures`, as in HF's files, where `to_hf` looks up the name of the
        task's head. Raises ValueError if the class cannot have this config."""
        return config.replace(extra={**config.extra, "architectures": [cls.__name__]})

    @classmethod
    def of(cls: type[M], config: AlbertConfig, params: Tree) -> M:
        """Return a model with these parameters."""
        model = cls.__new__(cls)
        model.config, model.params = cls.adapt(config), params
        return model

    @classmethod
    def from_pretrained(
        cls: type[M],
        path: str | os.PathLike[str],
        dtype: DTypeLike = "float32",
        seed: int = 0,
        config: AlbertConfig | str | os.PathLike[str] | None = None,
        check_finite: bool = True,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        require_heads: bool = False,
        **changes: Any,
    ) -> M:
        """Load published weights: Hugging Face's folders (.safetensors, .bin, one file or several), a bare .pth, Google's
        TensorFlow checkpoints (also inside their .tar.gz), .npz, or a name on the hub such as "albert/albert-base-v2".

        config        instead of the one beside the weights; changes: fields to change, such as num_labels=3
        dtype         float32 or float64 (or float16), whatever the file holds
        seed          for heads that the file lacks, which are initialised; a warning names them, and the heads that are dropped
        check_finite  refuse weights with NaN or infinities
        revision, cache_dir, local_files_only, token: of the hub, see `albert_np.io.sources.local`
        require_heads refuse a file that lacks the weights of a head, instead of initialising it

        Raises ValueError that names the file, every tensor that does not fit and the likely cause; FileNotFoundError.
        """
        from albert_np.io.load import load

        hub = dict(revision=revision, cache_dir=cache_dir, local_files_only=local_files_only, token=token)
        config, params, missing = load(
            path,
            AlbertConfig,
            shapes,
            cls.heads,
            checked_dtype(dtype),
            cls.optional,
            config,
            changes,
            check_finite,
            cls.adapt,
            require_heads,
            **hub,
        )
        for name, array in params.items():
            if name in missing:
                fill(array, first_value(name, array.shape, config, seed))
        return cls.of(config, params)

    def save_pretrained(self, folder: str | os.PathLike[str], dtype: str = "") -> None:
        """Write config.json and model.safetensors under HF's names; transformers loads them. dtype: "" keeps the parameters'."""
        from albert_np.io.save import save_hf

        save_hf(folder, self.config, self.params, type(self).__name__, dtype)

    def to(self: M, name: str) -> M:
        """Move the parameters to a backend, "numpy" or "cupy", and return the model."""
        prepared, dtype = self.prepared, self.params.flat.dtype
        self.prepare(False)
        moved = zero_tree(self.params.form, dtype, like=backend.named(name).asarray(np.empty(0, dtype)))
        for (_, array), (_, value) in zip(moved.items(), self.params.items()):
            fill(array, backend.to_host(value))
        self.params = moved
        return self.prepare(prepared)

    def prepare(self: M, on: bool = True) -> M:
        """Prepare the model for inference, or end that with on=False; return the model.

        Calls then give the outputs of the heads alone (`outputs` names others), so the last layer is computed only for the rows
        that they read. On a CPU whose BLAS gains from it, weights are copied into blocks (engine/inference/products.py), as
        `engine.inference.describe_products()` then says. So that the copies stay true, the parameters are read-only: writing to
        them raises NumPy's ValueError ("assignment destination is read-only"). Computing gradients ends the preparation, so a
        prepared model can be trained at once; a copy of it, also by pickle, is not prepared.

        >>> import albert_np as ab
        >>> model = ab.AlbertForSequenceClassification(ab.AlbertConfig.preset("tiny"), seed=0).prepare()
        >>> out = model([[2, 15, 16, 3]])
        >>> out.logits.shape, out.last_hidden_state is None
        ((1, 2), True)
        >>> model([[2, 15, 16, 3]], outputs="last_hidden_state").last_hidden_state.shape
        (1, 4, 128)
        """
        if on:
            inference.prepare(self.params)
        elif self.prepared:
            inference.release(self.params)
        self.prepared = bool(on)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy has: it is not prepared."""
        return {name: value for name, value in vars(self).items() if name != "prepared"}

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
        """The forward pass of (B, T) integer arrays, without dropout.

        outputs: names of those outputs that are computed, such as "logits"; the others are None, and what only they need is left
        out. By default all are computed or, of a prepared model, those of its heads (`prepare`).

        Raises ValueError that names the argument where shapes do not fit or ids are outside their tables.

        >>> import albert_np as ab
        >>> model = ab.AlbertModel(ab.AlbertConfig.preset("tiny"), seed=0)
        >>> out = model([[2, 15, 16, 3], [2, 17, 3, 0]], attention_mask=[[1, 1, 1, 1], [1, 1, 1, 0]], output_attentions=True)
        >>> out.last_hidden_state.shape, out.pooler_output.shape, len(out.attentions), out.attentions[0].shape
        ((2, 4, 128), (2, 128), 4, (2, 4, 4, 4))
        """
        inputs = check_padded(self.config, input_ids, attention_mask, token_type_ids, position_ids)
        return self._run(inputs, output_hidden_states, output_attentions, outputs)

    def _run(
        self,
        inputs: Padded,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        outputs: str | Iterable[str] | None = None,
    ) -> Output:
        """The forward pass of checked arrays, divided among threads."""
        lengths, everything = inputs.visible.sum(1), output_hidden_states or output_attentions  # (B,)
        wanted = self._wanted(outputs, everything)
        k = number_of_shards(lengths, self._like())
        shards = [inputs.between(*points) for points in split_points(lengths, k)]
        if wanted is None or everything:
            out = join_outputs(threads.run(self._forward, shards, repeat(output_hidden_states), repeat(output_attentions)))
            if wanted is None and outputs is not None:
                wanted = checked_outputs(outputs, present_outputs(out), type(self).__name__)
            return out if wanted is None else out.only(wanted)
        workers = inference.number_of_workers(lengths, self.params, self.config, k)
        with inference.blas_threads(workers):
            return join_outputs(threads.run(self._infer, shards, repeat(wanted), repeat(workers)))

    def _wanted(self, outputs: str | Iterable[str] | None, everything: bool) -> tuple[str, ...] | None:
        """Return the names of the outputs to compute; None: all. everything: hidden states or attention weights are requested."""
        if not declares_rows(type(self)) or (outputs is None and (everything or not self.prepared)):
            return None
        available = available_outputs(self.params, self.head_rows)
        return head_outputs(available) if outputs is None else checked_outputs(outputs, available, type(self).__name__)

    def _infer(self, inputs: Padded, wanted: tuple[str, ...], workers: int) -> Output:
        """The forward pass of checked arrays, as far as these outputs need it."""
        rows = union_rows(wanted, available_outputs(self.params, self.head_rows))
        batch = pack(inputs, self.config, self.params.flat, output_rows=rows)
        h = inference.encode(batch, self.params, self.config, workers=workers)  # (N, H)
        out = Output()
        if "last_hidden_state" in wanted:
            out.last_hidden_state = unpack(h, inputs.visible)
        self._add_heads(out, h, batch, inputs, wanted)
        return out.only(wanted)

    def _forward(self, inputs: Padded, output_hidden_states: bool, output_attentions: bool) -> Output:
        """The forward pass of checked arrays, with all outputs."""
        batch = pack(inputs, self.config, self.params.flat)
        # recompute: no caches are stored for a backward pass; the attention weights are in the caches
        config = self.config.replace(recompute=not output_attentions)
        with forward_only():
            (h, hidden), cache = encode(batch, self.params, config)
        out = Output(last_hidden_state=unpack(h, inputs.visible))
        if output_hidden_states:
            out.hidden_states = tuple(unpack(x, inputs.visible) for x in hidden)
        if output_attentions:
            caches = [block for layer in untagged(cache.c_encoder).c_layers for block in untagged(layer)]
            probs = [attention_probabilities(untagged(block).c_attention) for block in caches]
            out.attentions = tuple(unpack_attention(each, inputs.visible, h) for each in probs)
        self._add_heads(out, h, batch, inputs)
        return out

    def _add_heads(self, out: Output, h: Array, batch: TaskBatch, inputs: Padded, wanted: tuple[str, ...] | None = None) -> None:
        """Set the outputs of the heads from the representation h (N, H). An optional head may be missing.

        wanted: outputs that will be used; None: all. Others may be set, too, from rows that are 0.
        """
        if "pooler" in self.params.form:
            out.pooler_output, _ = pooler(h, self.params.pooler, batch.sequences)
        if "mlm" in self.params.form and (wanted is None or not {"prediction_logits", "logits"}.isdisjoint(wanted)):
            every_row = backend.asarray_like(np.arange(len(h)), h)
            logits, _ = mlm_head(h, every_row, self.params, self.config)  # (N, V)
            out.prediction_logits = out.logits = unpack(logits, inputs.visible)
        if "sop" in self.params.form:
            out.sop_logits, _ = linear(out.pooler_output, self.params.sop)

    def _loss_and_gradients(
        self, batch: TaskBatch, grads: Tree | None, denominators: dict[str, float] | None, rng: Rng
    ) -> tuple[Array, Tree]:
        """Return the loss of a checked batch, a 0-d array, and the gradients."""
        results, grads = self.packed_loss_and_gradients(batch, grads, denominators, as_random_key(rng))
        return backend.asarray_like(results.loss, self.params.flat), grads

    # ---- packed batches, for training ----

    def pack_batch(self, **arrays: Any) -> TaskBatch:
        """Return a batch for this model's objective from host arrays, see `TaskBatch.pack`, on the parameters' device."""
        return self.objective.pack(arrays, self.params.flat)

    def pack_on_host(self, **arrays: Any) -> TaskBatch:
        """Return the same batch in NumPy arrays."""
        return self.objective.pack(arrays, np.empty(0))

    def packed_loss(self, batch: TaskBatch, denominators: dict[str, float] | None = None) -> Any:
        """Return the losses of a packed batch, without dropout: `Results`, or `TaskResults` for a task."""
        shards, denominators = self._shards(batch, denominators)
        config = self.config.replace(recompute=True)  # no caches are stored for a backward pass

        def work(shard: TaskBatch) -> Any:
            with forward_only():
                return self.objective.forward(shard, self.params, config, denominators, None)[0]

        return sum_results(threads.run(work, shards))

    def packed_loss_and_gradients(
        self,
        batch: TaskBatch,
        grads: Tree | None = None,
        denominators: dict[str, float] | None = None,
        dropout_key: RandomKey | None = None,
    ) -> tuple[Any, Tree]:
        """Return the losses of a packed batch and their gradient, which is added to `grads` if given."""
        check_arguments(self.params, batch, grads, denominators)
        if self.prepared:  # an update of the parameters follows
            self.prepare(False)
        grads = self.params.zeros_like() if grads is None else grads
        shards, denominators = self._shards(batch, denominators)
        if len(shards) == 1:
            results, cache = self.objective.forward(shards[0], self.params, self.config, denominators, dropout_key)
            self.objective.backward(1.0, cache, self.params, grads, self.config, shards[0])
            return results, grads

        def work(shard: TaskBatch, tree: Tree) -> Any:
            results, cache = self.objective.forward(shard, self.params, self.config, denominators, dropout_key)
            self.objective.backward(1.0, cache, self.params, tree, self.config, shard)
            return results

        trees = [grads, *(grads.zeros_like() for _ in shards[1:])]
        results = sum_results(threads.run(work, shards, trees))
        reduce_grads([tree.flat for tree in trees])
        return results, grads

    def can_be_captured(self) -> bool:
        """Return whether a step can be captured as a graph: the host needs only sizes, and the objective is that of the class."""
        return self.objective.capturable and "objective" not in vars(self)

    def _shards(
        self, batch: TaskBatch, denominators: dict[str, float] | None
    ) -> tuple[list[TaskBatch], dict[str, float] | None]:  # fmt: skip
        """Return the shards of a batch, one per thread, and the denominators of their common loss."""
        if denominators is None and not batch.has_common_denominators():
            return [batch], None
        on_host = type(batch.ids) is np.ndarray  # on a device, batches are not divided
        k = number_of_shards(group_lengths(batch), self._like()) if on_host else 1
        return ([batch], denominators) if k == 1 else (split(batch, k), denominators or batch.denominators())

    def _like(self) -> Array:
        """Return a parameter (..., H) of the model."""
        return self.params.groups[0].blocks[0].ffn.output.b


def check_arguments(params: Tree, batch: TaskBatch, grads: Any, denominators: Any) -> None:
    """Raise ValueError unless grads is None or a gradient tree of these parameters, and denominators is None or complete."""
    if grads is not None and (not isinstance(grads, Tree) or grads is params or not same_form(grads, params)):
        raise ValueError("grads: expected a tree of this model's form, such as model.params.zeros_like()")
    losses = {"mlm": batch.masked, "sop": batch.order, "task": batch.tables}
    expected = [name for name, labels in losses.items() if labels is not None]
    if denominators is not None and not (
        isinstance(denominators, dict) and all(is_positive(denominators.get(name, 0)) for name in expected)
    ):
        raise ValueError(f"denominators: expected positive numbers for {', '.join(expected)}, got {denominators!r}")


def same_form(tree: Tree, other: Tree) -> bool:
    """Return whether both trees have tensors of the same names and shapes."""
    if tree.form is other.form:  # from zeros_like; comparing names would take time in every training step
        return True
    return [(name, array.shape) for name, array in tree.items()] == [(name, array.shape) for name, array in other.items()]


def is_positive(number: Any) -> bool:
    """Return whether number > 0. A scalar on a device is assumed to be positive, to avoid waiting for it."""
    if isinstance(number, int | float | np.generic | np.ndarray):
        return float(number) > 0
    return hasattr(number, "dtype")


def as_random_key(rng: Rng) -> RandomKey | None:
    """Convert the argument rng of a call: None, a `RandomKey`, a seed, or a NumPy generator, from which a seed is drawn."""
    if rng is None or isinstance(rng, RandomKey):
        return rng
    if isinstance(rng, np.random.Generator):
        return RandomKey(int(rng.integers(2**63)))
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return RandomKey(int(rng))
    raise ValueError(f"rng: expected a RandomKey, a seed or a numpy Generator, got {rng!r}")
