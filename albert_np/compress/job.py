"""From a model to a smaller one: what `albert-np compress` does, in this order.

cut       heads and neurons that are worth least, measured on labelled examples
factor    weights into two thin ones
prune     the smallest weights, at once (gradually: `finetune --sparsity`)
round     to fewer bits, calibrated on examples if there are any
"""

from dataclasses import dataclass, field
from typing import Any

from albert_np.compress import files
from albert_np.compress.calibration import calibrated, grams
from albert_np.compress.importance import importance
from albert_np.compress.low_rank import factor, ranks
from albert_np.compress.pruning import Sparsity, prune
from albert_np.compress.quantising import KINDS, put, quantised
from albert_np.compress.structured import cut
from albert_np.core.batch import Batch


@dataclass(frozen=True)
class Plan:
    """What is to be done. Shares are of what stays: heads=0.5 keeps half of them; energy see low_rank.py.

    sparsity   of `Sparsity`: a share, or "N:M" · scope, embeddings: of `Sparsity`
    weights    float32, float16, bfloat16, int8 or int4

    Raises ValueError that names what came.
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
        files.Packing(self.weights)
        for name in ("heads", "neurons"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise ValueError(f"{name}: expected the share that stays, above 0 and at most 1, got {share}")
        if self.energy is not None and not 0 < self.energy < 1:
            raise ValueError(f"energy: expected a share between 0 and 1, got {self.energy}")

    @property
    def needs_labels(self) -> bool:
        return self.heads is not None or self.neurons is not None


@dataclass
class Compressed:
    """The smaller model, how it is stored, and the ranks that were chosen."""

    model: Any
    packing: files.Packing
    ranks: dict[str, int] = field(default_factory=dict)


def compressed(model: Any, plan: Plan, labelled: list[Batch] | None = None, seen: list[Batch] | None = None) -> Compressed:
    """A smaller model; `model` stays as it is.

    labelled: batches of one example each, which heads and neurons are measured on; seen: batches for calibration.
    ValueError if the plan needs examples that are not there.
    """
    found = Compressed(type(model).of(model.config, model.params.copy()), files.Packing())
    if plan.needs_labels:
        if not labelled:
            raise ValueError("which heads and neurons are worth least is measured on labelled examples: give --examples")
        of_heads, of_neurons = importance(model, labelled)
        config = model.config
        heads = None if plan.heads is None else (staying(plan.heads, config.num_attention_heads), of_heads)
        neurons = None if plan.neurons is None else (staying(plan.neurons, config.intermediate_size), of_neurons)
        found.model = type(model).of(*cut(config, found.model.params, heads, neurons))
    if plan.energy is not None:
        found.ranks = ranks(found.model.params, plan.energy)
        found.model = type(model).of(*factor(found.model.config, found.model.params, found.ranks))
    if plan.sparsity:
        prune(found.model.params, Sparsity(plan.sparsity, scope=plan.scope, embeddings=plan.embeddings))
    found.packing = rounded(found.model, plan.weights, seen)
    return found


def staying(share: float, count: int) -> int:
    return max(1, round(share * count))


def rounded(model: Any, weights: str, seen: list[Batch] | None) -> files.Packing:
    """Round a model in place -> how it is stored."""
    if weights in KINDS:
        kind = KINDS[weights]
        numbers = calibrated(model.params, kind, grams(model, seen)) if seen else quantised(model.params, kind)
        put(model.params, numbers)
        return files.Packing(weights, numbers)
    if weights != "float32":
        files.rounded(model.params, weights)
    return files.Packing(weights)
