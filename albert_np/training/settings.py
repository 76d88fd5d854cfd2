"""What a pretraining run is told, besides the model's configuration. Frozen and validated; written into every checkpoint."""

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any

from albert_np.core.optim import NAMES as OPTIMIZERS
from albert_np.data.documents import LAYOUTS
from albert_np.data.pairs import OBJECTIVES, STYLES
from albert_np.data.sampler import BATCH_MODES
from albert_np.engine.precision import PRECISIONS

STARTS = ("unigram", "uniform")

# What may change when a run is resumed: none of these touches a parameter. (`steps` does, see `differences`.)
FREE = ("log_every", "eval_every", "checkpoint_every", "keep", "shard_optimizer")


@dataclass(frozen=True)
class Settings:
    """The settings of one run. The defaults suit a small model on a CPU.

    steps, epochs        how long: optimiser steps, or passes over the corpus (then steps is None). The schedule runs to the end.
    optimizer            "adamw" or "lamb". LAMB is for large batches (256 sequences and more).
    learning_rate        the peak. For a batch k times as large take √k times the rate; the paper's .00176 is for 4096 sequences.
    warmup               steps of linear warm-up; None: a tenth of all steps.
    start                "unigram": the MLM bias of a fresh model starts at the pieces' frequencies; "uniform": at 0.
    weight_decay, beta1, beta2, eps, bias_correction     the optimiser's own options.
    clip_norm            the gradients' global norm is scaled down to this.
    accumulate           a step is computed in this many micro-batches, one after the other: less memory, the same gradient.
    tokens_per_batch     tokens of one step, all micro-batches together.
    max_length           T, tokens of the longest sequence.
    objective            "sop" (sentence order), "nsp" (next sentence) or "none".
    style                "paper" (pure sentence order) or "google" (its program, quirks included).
    max_ngram            the longest n-gram that is masked as one.
    masked_lm_prob       share of the tokens that are predicted.
    batches              "balanced" or "random".
    lines                how text files are laid out: "paragraph", "sentence" or "wrapped".
    document_separator   a line that ends a document; None: a blank line.
    held_out             share of the documents that is kept for evaluation.
    sparsity             the share of weights that become 0 on the way, as text, or a pattern such as "2:4"; prune_by,
                         prune_scope, prune_end, prune_embeddings: see `compress.pruning.Sparsity`.
    precision            "float32", or on a GPU "tf32" or "float16": see `training.precision`.
    seed                 of everything random.
    shard_optimizer      of several processes each keeps a part of the optimiser's moments only (engine/mpi/reducer.py).
    log_every            steps between two readings of the losses.
    eval_every           steps between two evaluations on the held-out documents.
    checkpoint_every     steps between two checkpoints.
    keep                 how many checkpoints stay, besides the best one.

    Raises ValueError that names the field, what came and what was expected.
    """

    steps: int | None = 2000
    epochs: int | None = None
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    warmup: int | None = None
    start: str = "unigram"
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6
    bias_correction: bool = False
    clip_norm: float = 1.0
    accumulate: int = 1
    tokens_per_batch: int = 4096
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
    prune_by: str = "magnitude"
    prune_scope: str = "layer"
    prune_end: float = 0.7
    prune_embeddings: bool = True
    precision: str = "float32"
    seed: int = 0
    shard_optimizer: bool = False
    log_every: int = 10
    eval_every: int = 200
    checkpoint_every: int = 500
    keep: int = 3

    def __post_init__(self) -> None:
        _check_types(self)
        _check_values(self)

    def replace(self, **changes: Any) -> "Settings":
        """A copy with some fields changed, validated again."""
        return Settings.from_dict({**dataclasses.asdict(self), **changes})

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """Raises ValueError for a key that is no setting, naming the nearest."""
        for key in values:
            if key not in FIELDS:
                nearest = difflib.get_close_matches(key, FIELDS, n=1, cutoff=0.5)
                raise ValueError(f"unknown setting {key!r}" + (f"; did you mean {nearest[0]!r}?" if nearest else ""))
        return cls(**values)

    def optimizer_options(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("weight_decay", "beta1", "beta2", "eps", "bias_correction")}

    def differences(self, other: "Settings") -> list[str]:
        """What keeps `self` from continuing a run of `other`: "lr: 0.1 here, 0.2 there" for each field that matters."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [
            f"{key} is {mine[key]!r} now and was {theirs[key]!r}"
            for key in FIELDS
            if mine[key] != theirs[key] and key not in (*FREE, "steps", "epochs")
        ]


FIELDS = tuple(f.name for f in dataclasses.fields(Settings))
_KINDS = {
    "int": ((int,), "an integer"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a text"),
    "bool": ((bool,), "true or false"),
}


def _check_types(settings: Settings) -> None:
    for f in dataclasses.fields(settings):
        value, (kind, _, optional) = getattr(settings, f.name), str(getattr(f.type, "__name__", f.type)).partition(" | ")
        types, words = _KINDS[kind]
        if value is None and optional:
            continue
        if not isinstance(value, types) or (isinstance(value, bool) and kind != "bool"):
            raise ValueError(f"{f.name} must be {words}, not {value!r}")


def _check_values(s: Settings) -> None:
    from albert_np.compress.pruning import Sparsity

    Sparsity.of(s)
    if (s.steps is None) == (s.epochs is None):
        raise ValueError("say how long to train by one of steps and epochs; the other must be None")
    for name in "steps epochs accumulate tokens_per_batch max_ngram log_every eval_every checkpoint_every keep".split():
        if getattr(s, name) is not None and getattr(s, name) < 1:
            raise ValueError(f"{name} must be at least 1, not {getattr(s, name)}")
    for name, low in (("warmup", 0), ("seed", 0), ("weight_decay", 0.0)):
        if getattr(s, name) is not None and not low <= getattr(s, name) < float("inf"):
            raise ValueError(f"{name} must be at least {low}, not {getattr(s, name)}")
    for name in ("learning_rate", "clip_norm", "eps"):
        if not 0 < getattr(s, name) < float("inf"):
            raise ValueError(f"{name} must be a positive number, not {getattr(s, name)}")
    for name in ("beta1", "beta2", "held_out"):
        if not 0 <= getattr(s, name) < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {getattr(s, name)}")
    if not 0 < s.masked_lm_prob < 1:
        raise ValueError(f"masked_lm_prob must be between 0 and 1, not {s.masked_lm_prob}")
    choices: dict[str, tuple[str, ...]] = dict(
        optimizer=OPTIMIZERS,
        objective=OBJECTIVES,
        style=STYLES,
        batches=BATCH_MODES,
        lines=LAYOUTS,
        start=STARTS,
        precision=PRECISIONS,
    )
    for name, allowed in choices.items():
        if getattr(s, name) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {getattr(s, name)!r}")
    if s.shard_optimizer and s.optimizer == "lamb" and s.precision == "float16":
        raise ValueError("shard_optimizer: LAMB's divided moments know no loss scale; take adamw, or not precision float16")
    if s.shard_optimizer and s.prune_by == "movement" and Sparsity.of(s).amount:
        raise ValueError("shard_optimizer: pruning by movement needs the whole gradient in every process; prune by magnitude")
    if s.max_length < 8:
        raise ValueError(f"max_length must be at least 8, not {s.max_length}")
    if s.held_out >= 0.5:
        raise ValueError(f"held_out must be a share below 0.5, not {s.held_out}")
    if s.tokens_per_batch < s.max_length:
        raise ValueError(f"tokens_per_batch must hold one sequence of max_length tokens: {s.tokens_per_batch} < {s.max_length}")
