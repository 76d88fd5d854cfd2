"""Watching for runs that go wrong: a loss that is no number, a loss that explodes, a model that forgets what it had learned.

The patterns are those that people report (google/albert#111; kamalkraj/ALBERT-TF2.0#21: accuracy .45, then .06 and for good).
"""

import math
from typing import Any

MEMORY = 0.95  # of the running means: about the last 20 steps
LEARNED = 0.2  # a masked-piece accuracy that is above what the commonest pieces alone give
FORGOTTEN = 0.1
ADVICE = (
    "try a lower --lr (half of it), a longer --warmup, or a smaller --clip-norm; "
    "for a batch k times smaller take a rate √k times lower"
)


class Diverged(RuntimeError):
    """Training has gone wrong; the message says how, and what to try."""


def check_held_out(step: int, found: dict[str, Any]) -> None:
    """Raise Diverged where an evaluation on held-out documents found no number."""
    if not all(math.isfinite(value) for value in found.values()):
        raise Diverged(f"the held-out loss became NaN or infinite at step {step}; {ADVICE}")


class Watch:
    """Fed with the record of every step, in order; raises Diverged.

    `memory` is a plain dict: it goes into the checkpoints, so that a resumed run judges as an uninterrupted one.
    """

    def __init__(self, vocab_size: int, memory: dict[str, float] | None = None) -> None:
        self.ceiling = math.log(vocab_size)  # what knowing nothing costs
        self.memory = memory or {"seen": 0, "loss": self.ceiling, "accuracy": 0.0, "best_loss": self.ceiling, "best": 0.0}

    def see(self, record: dict[str, Any]) -> None:
        """record: a line of metrics.jsonl."""
        step, loss, norm = record["step"], record["loss"], record["grad_norm"]
        if loss is None or norm is None:
            what = "loss" if loss is None else "gradient"
            raise Diverged(f"the {what} became NaN or infinite at step {step}; {ADVICE}")
        m = self.memory
        m["seen"] += 1
        m["loss"] += (1 - MEMORY) * (record["mlm_loss"] - m["loss"])
        m["accuracy"] += (1 - MEMORY) * (record["mlm_accuracy"] - m["accuracy"])
        m["best_loss"], m["best"] = min(m["best_loss"], m["loss"]), max(m["best"], m["accuracy"])
        if m["best"] > LEARNED and m["accuracy"] < FORGOTTEN:
            raise Diverged(
                f"the model collapsed by step {step}: of the masked pieces it had {m['best']:.0%} right and now has "
                f"{m['accuracy']:.0%}; {ADVICE}"
            )
        learned = m["best_loss"] < self.ceiling - 0.5
        if m["loss"] > self.ceiling + (0.0 if learned else 1.0):
            raise Diverged(
                f"the loss has risen to {m['loss']:.2f} by step {step}, above the {self.ceiling:.2f} of knowing nothing (ln V);"
                f" {ADVICE}"
            )
