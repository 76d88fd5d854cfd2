"""The mutable state of a training run, except the parameters and the constraints."""

import time
from dataclasses import dataclass, field
from typing import Any

from albert_np.core.optim import OptimizerState
from albert_np.data.formats.summary import count_noun


@dataclass(repr=False)
class History:
    """The records of a fine-tuning's steps and epochs; `best`, the epoch whose parameters are used, its scores and answers;
    `chosen_by`, the score by which it was chosen (see `selection`)."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    best: int = 0
    scores: dict[str, Any] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    chosen_by: str = ""
    stopped_by: str = ""

    def __repr__(self) -> str:
        losses = [f"{self.steps[i]['loss']:.4g}" for i in (0, -1)] if self.steps else []
        steps = count_noun(len(self.steps), "step") + (f", loss {losses[0]} to {losses[1]}" if losses else "")
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.scores.items() if isinstance(value, int | float))
        best = f", the best is {self.best}: {scores}" if self.best else ""
        stopped = f", stopped by {self.stopped_by}" if self.stopped_by else ""
        return f"History({steps}; {count_noun(len(self.epochs), 'epoch')} scored{best}{stopped})"

    def _repr_html_(self) -> str:
        """Return a table of the epochs and their scores."""
        from albert_np.io.html import make_table

        text = repr(self)
        if not self.epochs:
            return make_table([], title=text)
        names = list(self.epochs[0]["dev"])
        ends = ["best" * (each["epoch"] == self.best) for each in self.epochs]
        rows = [(each["epoch"], each["step"], *map(each["dev"].get, names), end) for each, end in zip(self.epochs, ends)]
        return make_table(rows, ("epoch", "step", *names, ""), text)

    def to_dict(self) -> dict[str, Any]:
        """Return what checkpoints store. Scores and answers are not stored; they are computed again from the best parameters."""
        return {"steps": self.steps, "epochs": self.epochs, "best": self.best}


@dataclass
class TrainerState:
    """Where a run is.

    optimizer            the state of the optimiser; of a sharded one, this process's part
    step                 updates made so far
    epoch, epoch_step    the current epoch, and the number of its steps that are done
    started              time.perf_counter() when the run was started, less the seconds of training before it was resumed
    tokens               trained on so far
    held_out             the last evaluation on held-out documents; held_out_step: the step after which it was made
    held_out_before      the evaluation before the first step, of a run that goes on from a pretrained model
    history, best        of a fine-tuning: its records, and the flat parameters of its best epoch
    """

    optimizer: OptimizerState
    step: int = 0
    epoch: int = 0
    epoch_step: int = 0
    started: float = field(default_factory=time.perf_counter)
    tokens: int = 0
    held_out: dict[str, float] | None = None
    held_out_step: int = 0
    held_out_before: dict[str, float] | None = None
    history: History = field(default_factory=History)
    best: Any = None

    def seconds(self) -> float:
        """Return the seconds of training so far, including those before a resume."""
        return time.perf_counter() - self.started

    def next_epoch(self) -> None:
        self.epoch, self.epoch_step = self.epoch + 1, 0

    def to_dict(self) -> dict[str, Any]:
        """Return what state.json of a checkpoint stores."""
        return {
            "step": self.step,
            "place": {"step": self.step, "epoch": self.epoch, "epoch_step": self.epoch_step},
            "tokens": self.tokens,
            "held_out": self.held_out,
            "held_out_step": self.held_out_step,
            **({} if self.held_out_before is None else {"held_out_before": self.held_out_before}),
        }

    def restore(self, stored: dict[str, Any], history: dict[str, Any] | None) -> None:
        """Take over the state.json and the history.json of a checkpoint."""
        place = stored["place"]
        self.step, self.epoch, self.epoch_step = place["step"], place["epoch"], place["epoch_step"]
        self.tokens = stored.get("tokens", 0)
        self.held_out, self.held_out_step = stored.get("held_out"), stored.get("held_out_step", 0)
        self.held_out_before = stored.get("held_out_before")
        self.history = History(**(history or {}))
        last = self.history.steps[-1]["seconds"] if self.history.steps else 0.0
        self.started = time.perf_counter() - stored.get("metrics", {}).get("seconds", last)
