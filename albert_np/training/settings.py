"""The hyperparameters of a pretraining run. They are written into every checkpoint."""

from dataclasses import dataclass
from typing import Any, ClassVar

from albert_np.core.optim import STEPS
from albert_np.data.documents import LAYOUTS
from albert_np.data.pairs import OBJECTIVES, STYLES
from albert_np.data.sampler import BATCH_MODES
from albert_np.training.trainer_settings import TrainerSettings, check_choice, check_range

STARTS = ("unigram", "uniform")
SCHEDULES = ("fresh", "continued")


@dataclass(frozen=True)
class Settings(TrainerSettings):
    """Settings of a pretraining run, besides the model's configuration. The defaults suit a small model on a CPU.

    steps, epochs        length of the run: optimiser steps, or passes over the corpus; the other is None.
    optimizer            "adamw" or "lamb". LAMB is for large batches (256 sequences and more).
    learning_rate        falls linearly to 0, counted from step 0; during the warm-up it rises to this line, so the highest rate
                         is about 0.9 of it. For a batch k times as large use √k times the rate; the paper's .00176 is for
                         4096 sequences.
    warmup               steps of linear warm-up; None: a tenth of all steps.
    decay                steps of linear decay to 0 at the end of the run, before which the rate stays at its peak, so that a run
                         may be made longer, or be ended from any checkpoint; None: the decay that begins at step 0.
    schedule             of a run that goes on from another one: "fresh", or "continued" from its checkpoint, with its moments;
                         `steps` is then the number of both together (training/continuing.py).
    start                initial MLM bias of a new model: "unigram", the log frequencies of the tokens; "uniform", 0.
    weight_decay, beta1, beta2, eps, bias_correction     options of the optimiser.
    clip_norm            the gradients' global norm is clipped to this.
    accumulate           number of micro-batches of a step, computed one after the other: less memory, the same gradient.
    tokens_per_batch     tokens of one step, all micro-batches together.
    max_length           T, tokens of the longest sequence.
    objective            "sop" (sentence order), "nsp" (next sentence) or "none".
    style                "paper" (pure sentence order) or "google" (as Google's program, quirks included).
    max_ngram            length of the longest n-gram that is masked as one.
    masked_lm_prob       share of the tokens that are predicted.
    batches              "balanced" or "random".
    lines                layout of the text files: "paragraph", "sentence" or "wrapped".
    document_separator   a line that ends a document; None: an empty line.
    held_out             share of the documents that is used for evaluation.
    sparsity             share of the weights that are pruned during training, as text, or a pattern such as "2:4"; prune_by,
                         prune_scope, prune_end, prune_embeddings: see `compress.pruning.Sparsity`.
    precision            "float32", or on a GPU "tf32" or "float16": see `engine.precision`.
    seed                 of all random draws.
    shard_optimizer      each of several processes stores a part of the optimiser's moments (engine/mpi/reducer.py).
    log_every            steps between two readings of the losses.
    eval_every           steps between two evaluations on the held-out documents.
    checkpoint_every     steps between two checkpoints.
    keep                 number of checkpoints to keep, besides the best one.

    Raises ValueError that names the field, the value given and what was expected.
    """

    steps: int | None = 2000
    epochs: int | None = None
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    warmup: int | None = None
    decay: int | None = None
    schedule: str = "fresh"
    start: str = "unigram"
    bias_correction: bool = False
    max_length: int = 128
    objective: str = "sop"
    style: str = "paper"
    max_ngram: int = 3
    masked_lm_prob: float = 0.15
    batches: str = "balanced"
    lines: str = "paragraph"
    document_separator: str | None = None
    held_out: float = 0.02
    sparsity: str = "0"
    log_every: int = 10
    eval_every: int = 200
    checkpoint_every: int = 500
    keep: int = 3

    notes: ClassVar[dict[str, str]] = {"warmup": "a number of steps", "decay": "a number of steps"}
    # Google's schedule: the rate of the first update is 0, and that of the update after the last would be 0 again.
    schedule_offset: ClassVar[int] = 0
    changeable: ClassVar[tuple[str, ...]] = ("log_every", "eval_every", "checkpoint_every", "keep", "shard_optimizer")

    def check_values(self) -> None:
        super().check_values()
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set exactly one of steps and epochs; the other must be None")
        check_range(self, "steps epochs decay max_ngram log_every eval_every checkpoint_every keep", least=1)
        check_range(self, "warmup", least=0)
        check_range(self, "masked_lm_prob", above=0, below=1)
        check_range(self, "max_length", least=8)
        check_range(self, "held_out", least=0, below=0.5)
        check_choice(self, "optimizer", tuple(STEPS))
        check_choice(self, "objective", OBJECTIVES)
        check_choice(self, "style", STYLES)
        check_choice(self, "batches", BATCH_MODES)
        check_choice(self, "lines", LAYOUTS)
        check_choice(self, "start", STARTS)
        check_choice(self, "schedule", SCHEDULES)
        if self.schedule == "continued" and self.steps is None:
            raise ValueError("schedule 'continued' counts the steps of both runs: set `steps`, not `epochs`")
        if self.shard_optimizer and self.optimizer == "lamb" and self.precision == "float16":
            raise ValueError("shard_optimizer does not support LAMB with precision float16; use adamw or another precision")
        if self.tokens_per_batch < self.max_length:
            raise ValueError(
                f"tokens_per_batch must hold one sequence of max_length tokens: {self.tokens_per_batch} < {self.max_length}"
            )

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        return complete_length(values)

    def replace(self, **changes: Any) -> "Settings":
        """Return a copy with some fields changed, validated again. Of steps and epochs, one replaces the other."""
        return super().replace(**complete_length(changes))

    def optimizer_options(self) -> dict[str, Any]:
        return {**super().optimizer_options(), "bias_correction": self.bias_correction}

    def differences(self, other: TrainerSettings, ignored: tuple[str, ...] = ("steps", "epochs", "decay")) -> list[str]:
        return super().differences(other, ignored)


def complete_length(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values, with steps=None if epochs is given alone, and the other way round."""
    steps, epochs = values.get("steps"), values.get("epochs")
    return {**({"steps": None} if epochs is not None else {}), **({"epochs": None} if steps is not None else {}), **values}
