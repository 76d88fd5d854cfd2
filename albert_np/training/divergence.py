"""Detection of runs that go wrong: a loss that is not finite, a loss that explodes, a model that forgets what it had learned.

The patterns are those that users report: google/albert#111, and kamalkraj/ALBERT-TF2.0#21, where the accuracy fell from .45 to
.06 and stayed there.
"""

import math
from typing import Any

MEMORY = 0.95  # decay of the running means: about the last 20 steps
LEARNED = 0.2  # an MLM accuracy above that of always predicting the most common tokens
FORGOTTEN = 0.1  # half of it: a mean that was above LEARNED does not fall so low by chance
ADVICE = (
    "try a lower `learning_rate` (half of it), a longer `warmup`, or a smaller `clip_norm`; "
    "for a batch k times smaller use a rate √k times lower"
)


class Diverged(RuntimeError):
    """Training has gone wrong; the message says how, and what to try."""


def check_held_out(step: int, losses: dict[str, Any]) -> None:
    """Raise Diverged if an evaluation on held-out documents gave a value that is not finite."""
    if not all(math.isfinite(value) for value in losses.values()):
        raise Diverged(f"the held-out loss became NaN or infinite at step {step}; {ADVICE}")


class DivergenceDetector:
    """Watches the records of a pretraining run's steps and raises Diverged when one of the patterns appears.

    `memory` is a plain dict that goes into the checkpoints, so a resumed run is judged like an uninterrupted one.
    """

    def __init__(self, vocab_size: int, memory: dict[str, float] | None = None) -> None:
        self.ceiling = math.log(vocab_size)  # loss of a uniform guess
        self.memory = memory or {"seen": 0, "loss": self.ceiling, "accuracy": 0.0, "best_loss": self.ceiling, "best": 0.0}

    def update(self, record: dict[str, Any]) -> None:
        """Add the record of the next step, a line of metrics.jsonl (None for a value that is not finite); raise Diverged."""
        step, loss, norm = record["step"], record["loss"], record["grad_norm"]
        if loss is None or norm is None:
            name = "loss" if loss is None else "gradient"
            raise Diverged(f"the {name} became NaN or infinite at step {step}; {ADVICE}")
        m = self.memory
        m["seen"] += 1
        m["loss"] += (1 - MEMORY) * (record["mlm_loss"] - m["loss"])
        m["accuracy"] += (1 - MEMORY) * (record["mlm_accuracy"] - m["accuracy"])
        m["best_loss"], m["best"] = min(m["best_loss"], m["loss"]), max(m["best"], m["accuracy"])
        if m["best"] > LEARNED and m["accuracy"] < FORGOTTEN:
            raise Diverged(
                f"the model collapsed by step {step}: it predicted {m['best']:.0%} of the masked tokens correctly and now "
                f"{m['accuracy']:.0%}; {ADVICE}"
            )
        learned = m["best_loss"] < self.ceiling - 0.5  # until then 1 nat is tolerated: the first steps may overshoot
        if m["loss"] > self.ceiling + (0.0 if learned else 1.0):
            raise Diverged(
                f"the loss has risen to {m['loss']:.2f} by step {step}, above ln V = {self.ceiling:.2f}, the loss of a uniform "
                f"guess; {ADVICE}"
            )
