"""Compress a model, in this order:

1. remove the least important heads and neurons, measured on labelled examples
2. replace weights by low-rank factors
3. prune the smallest weights at once (gradually: `finetune --sparsity`)
4. round to fewer bits, calibrated on examples if there are any
"""

from dataclasses import dataclass, field
from typing import Any

from albert_np.compress.calibration import calibrate, collect_grams
from albert_np.compress.importance import importance
from albert_np.compress.low_rank import choose_ranks, factor
from albert_np.compress.pruning import Sparsity, prune
from albert_np.compress.quantising import SCHEMES, quantise_params, round_to_16_bits, write_dequantised
from albert_np.compress.structured import cut
from albert_np.compress.zeros import sparsity
from albert_np.core.batch import Batch
from albert_np.io.packed_checkpoint import Packing


@dataclass(frozen=True)
class Plan:
    """The steps of a compression.

    sparsity, scope, embeddings   as in `Sparsity`: a share of zeros, or "N:M"
    heads, neurons                the share that stays: heads=0.5 keeps half of them
    energy                        of the low-rank factors, see low_rank.py
    weights                       float32, float16, bfloat16, int8 or int4

    Raises ValueError, which names the invalid setting.
    """

    sparsity: float | str = 0.0
    scope: str = "layer"
    embeddings: bool = True
    heads: float | None = None
    neurons: float | None = None
    energy: float | None = None
    weights: str = "float32"

    def __post_init__(self) -> None:
        Sparsity(self.sparsity, scope=self.scope)
        Packing(self.weights)
        for name in ("heads", "neurons"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise ValueError(f"{name}: expected the share that stays, above 0 and at most 1, got {share}")
        if self.energy is not None and not 0 < self.energy < 1:
            raise ValueError(f"energy: expected a share between 0 and 1, got {self.energy}")

    @property
    def needs_labels(self) -> bool:
        """Whether labelled examples are needed, to measure importance."""
        return self.heads is not None or self.neurons is not None


@dataclass
class CompressedModel:
    """The smaller model, how it is stored, and the ranks of its factors."""

    model: Any
    packing: Packing
    ranks: dict[str, int] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        from albert_np.io.html import make_table

        rows = [("model", repr(self.model)), ("zeros", f"{sparsity(self.model.params):.1%}"), ("weights", self.packing.weights)]
        rows += [("ranks", ", ".join(f"{name} {rank}" for name, rank in self.ranks.items()))] if self.ranks else []
        return make_table(rows, title="CompressedModel")


def compress_model(
    model: Any, plan: Plan, labelled: list[Batch] | None = None, calibration: list[Batch] | None = None
) -> CompressedModel:
    """Return a smaller model; `model` is not changed.

    labelled: batches of one example each, on which the importance of heads and neurons is measured; calibration: batches for
    calibrated rounding. Raises ValueError if the plan needs labelled examples and there are none.
    """
    small = CompressedModel(type(model).of(model.config, model.params.copy()), Packing())
    if plan.needs_labels:
        if not labelled:
            raise ValueError("the importance of heads and neurons is measured on labelled examples: give `examples`")
        head_importance, neuron_importance = importance(model, labelled)
        config = model.config
        heads = neurons = None
        if plan.heads is not None:
            heads = max(1, round(plan.heads * config.num_attention_heads)), head_importance
        if plan.neurons is not None:
            neurons = max(1, round(plan.neurons * config.intermediate_size)), neuron_importance
        small.model = type(model).of(*cut(config, small.model.params, heads, neurons))
    if plan.energy is not None:
        small.ranks = choose_ranks(small.model.params, plan.energy)
        small.model = type(model).of(*factor(small.model.config, small.model.params, small.ranks))
    if plan.sparsity:
        prune(small.model.params, Sparsity(plan.sparsity, scope=plan.scope, embeddings=plan.embeddings))
    small.packing = round_weights(small.model, plan.weights, calibration)
    return small


def round_weights(model: Any, weights: str, calibration: list[Batch] | None) -> Packing:
    """Round the matrices of a model in place; return how they are stored."""
    if weights in SCHEMES:
        scheme, params = SCHEMES[weights], model.params
        quantised = (
            calibrate(params, scheme, collect_grams(model, calibration)) if calibration else quantise_params(params, scheme)
        )
        write_dequantised(params, quantised)
        return Packing(weights, quantised)
    if weights != "float32":
        round_to_16_bits(model.params, weights)
    return Packing(weights)
