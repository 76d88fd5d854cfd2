"""The choice of the best epoch: by the task's score or, as long as that is the same in every epoch, by one that is not.

A score that has been 0 (or the share of the commonest class) in every epoch cannot tell epochs apart. The choice then falls back
to the task's other scores and at last to the loss on the development examples. Once the score itself differs between epochs, it
decides again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

LOSS = "the loss on the development examples"
PERFECT_WITHIN = 1e-6  # BLEU of a perfect translation is 100.00000000000004

Scores = Mapping[str, float]


def more_is_better(scores: Scores, errors: Sequence[str]) -> dict[str, float]:
    """Return the scores with the sign of those named as errors changed, so that more is better for all."""
    return {name: -value if name in errors else value for name, value in scores.items()}


def scores_to_choose_by(record: dict[str, Any], errors: Sequence[str] = ()) -> dict[str, float]:
    """Return the scores of an epoch, given its record in a `History`; more is better: errors, and the loss, are negative."""
    return more_is_better({**record["dev"], **({LOSS: record["dev_loss"]} if "dev_loss" in record else {})}, (*errors, LOSS))


def is_constant(candidates: Sequence[Scores], metric: str, perfect: float) -> bool:
    """Return whether a score is the same in all candidates, and not perfect."""
    values = {scores[metric] for scores in candidates}
    return len(values) == 1 and min(values) < perfect - PERFECT_WITHIN


def deciding_score(candidates: Sequence[Scores], names: Sequence[str], perfect: float) -> str:
    """Return the first name or, if its score is constant, the first whose score is not; "" if there is none."""
    if not is_constant(candidates, names[0], perfect):
        return names[0]
    known = [name for name in names if all(name in scores for scores in candidates)]
    return next((name for name in known if len({scores[name] for scores in candidates}) > 1), "")


def is_better(new: Scores, best: Scores, candidates: Sequence[Scores], names: Sequence[str], perfect: float) -> bool:
    """Return whether a candidate is better than the best so far. candidates: all so far, including both."""
    name = deciding_score(candidates, names, perfect)
    return name != "" and new[name] > best[name]


def describe_choice(candidates: Sequence[Scores], names: Sequence[str], perfect: float) -> tuple[str, str]:
    """Return the name of the score by which the best candidate was chosen, and a line about it, "" unless the first score is
    constant."""
    metric, value, count = names[0], candidates[0][names[0]], len(candidates)
    name = deciding_score(candidates, names, perfect)
    if name == metric or (count == 1 and value != 0):
        return metric, ""
    if count == 1:
        return metric, f"{metric} is 0 after the only epoch that was scored"
    same = f"{metric} was {abs(value):.4f} in all {count} epochs and cannot tell them apart"
    return name or metric, f"{same}: the best one was chosen by {name}" if name else f"{same}: the first one is used"
