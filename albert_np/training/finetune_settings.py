"""What a fine-tuning run is told. Frozen and validated; written into the trained model's folder."""

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any

from albert_np.engine.precision import PRECISIONS
from albert_np.models.config import AlbertConfig

PEAK = 0.04  # the default learning rate is PEAK / H: 5e-5 for the base model, where fine-tuning usually starts
FRESH = 4.0  # times as much for a model that was not pretrained


@dataclass(frozen=True)
class FinetuneSettings:
    """epochs              passes over the training examples.
    learning_rate       the peak, after a tenth of the steps; it falls to 0 at the end. None: 0.04 / hidden_size for a pretrained
                        model (5e-5 for base), four times as much for a fresh one.
    warmup              share of the steps.
    weight_decay, beta1, beta2, eps, clip_norm     of AdamW (with bias correction: Mosbach et al. 2021), and of the gradient.
    tokens_per_batch    tokens of one step.
    accumulate          a step is computed in this many micro-batches.
    layer_decay         the learning rate's factor from a layer to the one below it, see `optim.layers`; 1: none.
    freeze              what does not learn: "body", "embeddings", or beginnings of parameters' names.
    balance             classes are spread evenly over the steps.
    label_smoothing     ε, for translation.
    checkpoint_seconds  between two checkpoints, where the run has a folder: no more than this is lost when it is killed.
    patience            stop when so many epochs in a row were no better than the best; 0: never.
    sparsity            the share of weights that become 0 on the way, or a pattern such as "2:4"; prune_by, prune_scope,
                        prune_end, prune_embeddings: see `compress.pruning.Sparsity`.
    weights             "int8" or "int4": the weights are rounded while they are trained (compress/quantising.py).
    precision           "float32", or on a GPU "tf32" or "float16": see `training.precision`.
    temperature, hard, hidden    of distillation, if there is a teacher: see models/distillation.py.
    seed                of the fresh head, the order and dropout.
    shard_optimizer     of several processes each keeps a part of the optimiser's moments only (engine/mpi/reducer.py).

    Raises ValueError that names the field, what came and what was expected.
    """

    epochs: int = 3
    learning_rate: float | None = None
    warmup: float = 0.1
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6
    clip_norm: float = 1.0
    tokens_per_batch: int = 2048
    accumulate: int = 1
    layer_decay: float = 1.0
    freeze: tuple[str, ...] = ()
    balance: bool = False
    label_smoothing: float = 0.0
    checkpoint_seconds: float = 60.0
    patience: int = 0
    sparsity: float | str = 0.0
    prune_by: str = "magnitude"
    prune_scope: str = "layer"
    prune_end: float = 0.7
    prune_embeddings: bool = True
    weights: str = "float32"
    temperature: float = 2.0
    hard: float = 0.5
    hidden: float = 0.0
    precision: str = "float32"
    seed: int = 0
    shard_optimizer: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "tokens_per_batch", "accumulate", "patience", "seed"):
            least = 0 if name in ("patience", "seed") else 1
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, not {value!r}")
        for name, low, high in (
            ("learning_rate", 0, 10), ("warmup", -1, 1), ("weight_decay", -1, 10), ("beta1", -1, 1), ("beta2", -1, 1),
            ("eps", 0, 1), ("clip_norm", 0, 1e9), ("layer_decay", 0, 1.0000001), ("label_smoothing", -1, 1),
            ("checkpoint_seconds", -1, 1e9),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is None and name == "learning_rate":
                continue
            numeric = isinstance(value, int | float) and not isinstance(value, bool)
            if not numeric or not low < value < high or value < 0:
                raise ValueError(
                    f"{name} must be a number {'above 0' if low == 0 else 'from 0'} and below {high:g}, not {value!r}"
                )
        if self.shard_optimizer and self.prune_by == "movement" and self.sparsity:
            raise ValueError("shard_optimizer: pruning by movement needs the whole gradient in every process; prune by magnitude")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}")
        _check_kinds(self)
        object.__setattr__(self, "freeze", (self.freeze,) if isinstance(self.freeze, str) else tuple(self.freeze))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FinetuneSettings":
        """Raises ValueError for a key that is no setting, naming the nearest."""
        names = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                nearest = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
                raise ValueError(f"unknown setting {key!r}" + (f"; did you mean {nearest[0]!r}?" if nearest else ""))
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "freeze": list(self.freeze)}

    def optimizer_options(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("weight_decay", "beta1", "beta2", "eps")}

    def peak(self, config: AlbertConfig, fresh: bool) -> float:
        """The learning rate, or its default."""
        return self.learning_rate or PEAK / config.hidden_size * (FRESH if fresh else 1.0)


def _check_kinds(settings: FinetuneSettings) -> None:
    for name in ("balance", "prune_embeddings"):
        if not isinstance(getattr(settings, name), bool):
            raise ValueError(f"{name} must be true or false, not {getattr(settings, name)!r}")
    for name in ("prune_by", "prune_scope", "weights"):
        if not isinstance(getattr(settings, name), str):
            raise ValueError(f"{name} must be a text, not {getattr(settings, name)!r}")
    for name in ("sparsity", "prune_end", "temperature", "hard", "hidden"):
        value = getattr(settings, name)
        kinds = (int, float, str) if name == "sparsity" else (int, float)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f"{name} must be a number{', or a pattern such as 2:4' * (name == 'sparsity')}, not {value!r}")
    freeze = settings.freeze
    if not isinstance(freeze, str | list | tuple) or not all(isinstance(each, str) for each in freeze):
        raise ValueError(f"freeze must be names, or beginnings of names, of parameters, not {freeze!r}")
