"""The hyperparameters of a fine-tuning run. They are written into the trained model's folder."""

from dataclasses import dataclass
from typing import Any, ClassVar

from albert_np.models.config import AlbertConfig
from albert_np.training.trainer_settings import TrainerSettings, check_range

PEAK = 0.04  # the default learning rate is PEAK / H: 5e-5 for the base model, where fine-tuning usually starts
NEW_MODEL_FACTOR = 4.0  # of the default learning rate, for a model that was not pretrained


@dataclass(frozen=True)
class FinetuneSettings(TrainerSettings):
    """Settings of a fine-tuning run.

    epochs              passes over the training examples.
    steps               the number of updates, in place of epochs: the last epoch may end early. None: epochs count.
    learning_rate       falls linearly to 0, counted from the first step; during the first tenth of the steps it rises to this
                        line, so the highest rate is about 0.9 of it. None: 0.04 / hidden_size for a pretrained
                        model (5e-5 for base), four times as much for a new one.
    warmup              share of the steps.
    weight_decay, beta1, beta2, eps, clip_norm     of AdamW (with bias correction: Mosbach et al. 2021), and of the gradient.
    tokens_per_batch    tokens of one step. Where it is not given, `finetune` chooses fewer if there are few examples
                        (tasks/step_size.py).
    batch_size          rows of one step, in random order, as most programs count them, in place of tokens_per_batch: the steps
                        differ in their work. A row is an example, or a window of a long one. None: tokens_per_batch counts.
    accumulate          number of micro-batches of a step.
    layer_decay         factor of the learning rate from a layer to the one below it, see training/layer_rates.py; 1: none.
    freeze              tensors that are not trained: "body", "embeddings", or prefixes of parameters' names.
    balance             distribute the classes evenly over the steps.
    label_smoothing     ε, for translation.
    checkpoint_seconds  between two checkpoints, if the run has a folder: the most that is lost when it is killed.
    patience            stop after this many epochs in a row without improvement; 0: never.
    sparsity            share of the weights that are pruned during training, or a pattern such as "2:4"; prune_by, prune_scope,
                        prune_end, prune_embeddings: see `compress.pruning.Sparsity`.
    weights             "int8" or "int4": train with rounded weights (compress/quantising.py).
    precision           "float32", or on a GPU "tf32" or "float16": see `engine.precision`.
    temperature, hard, hidden    of distillation, if there is a teacher: see models/distillation.py.
    seed                of the new head, the order of the examples and dropout.
    shard_optimizer     each of several processes stores a part of the optimiser's moments (engine/mpi/reducer.py).

    Raises ValueError that names the field, the value given and what was expected.
    """

    epochs: int = 3
    steps: int | None = None
    warmup: float = 0.1
    tokens_per_batch: int = 2048
    batch_size: int | None = None
    layer_decay: float = 1.0
    freeze: tuple[str, ...] = ()
    balance: bool = False
    label_smoothing: float = 0.0
    checkpoint_seconds: float = 60.0
    patience: int = 0
    weights: str = "float32"
    temperature: float = 2.0
    hard: float = 0.5
    hidden: float = 0.0

    notes: ClassVar[dict[str, str]] = {
        "warmup": "a share of the steps, such as 0.1",
        "epochs": "passes over the examples",
    }
    # A fine-tuning may have a few dozen steps only: the first must not be lost to a rate of 0, nor the last to one of almost 0.
    schedule_offset: ClassVar[int] = 1
    changeable: ClassVar[tuple[str, ...]] = ("checkpoint_seconds", "shard_optimizer")

    def check_types(self) -> None:
        super().check_types()
        names = (self.freeze,) if isinstance(self.freeze, str) else self.freeze
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"freeze must be names, or prefixes of names, of parameters, not {self.freeze!r}")
        object.__setattr__(self, "freeze", tuple(names))

    def check_values(self) -> None:
        super().check_values()
        check_range(self, "epochs steps batch_size", least=1)
        if self.balance and self.batch_size is not None:
            raise ValueError("balance distributes the classes over steps of equal work: give tokens_per_batch, not batch_size")
        check_range(self, "patience", least=0)
        check_range(self, "learning_rate", above=0, below=10)
        check_range(self, "weight_decay", least=0, below=10)
        check_range(self, "eps", above=0, below=1)
        check_range(self, "clip_norm", above=0, below=1e9)
        check_range(self, "checkpoint_seconds", least=0, below=1e9)
        check_range(self, "warmup label_smoothing", least=0, below=1)
        check_range(self, "layer_decay", above=0, most=1)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "freeze": list(self.freeze)}

    def optimizer_options(self) -> dict[str, Any]:
        return {**super().optimizer_options(), "bias_correction": True}

    def peak(self, config: AlbertConfig, new_model: bool) -> float:
        """Return the learning rate, or its default for this model."""
        return self.learning_rate or PEAK / config.hidden_size * (NEW_MODEL_FACTOR if new_model else 1.0)
