"""Scores of relations as in SemEval-2010 task 8 (Hendrickx et al. 2010): (9 + 1) classes, direction counted, Other left out.

A label is a relation with its direction, "Cause-Effect(e1,e2)". For each relation

    precision = right / predicted as this relation, in either direction
    recall    = right / examples of this relation, in either direction

where only the right direction is right; the official score is the mean of the relations' F1. A label without a direction
("per:title") is a relation itself.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from albert_np.metrics.fractions import precision_recall_f1, safe_ratio


def strip_direction(label: str) -> str:
    """Return "Cause-Effect" for "Cause-Effect(e1,e2)"."""
    return label.partition("(")[0]


def semeval(gold: Sequence[str], predicted: Sequence[str | None], other: str = "Other") -> dict[str, Any]:
    """Score one label per example; a prediction of None means that no answer was given.

    Returns macro_f1, macro_precision, macro_recall: means over the relations of the gold labels without `other` (like the
    official script, which also leaves out a relation that is only predicted); micro_f1, which counts examples; accuracy over
    all; by_relation. ValueError if there is nothing to score.
    """
    if len(gold) != len(predicted) or not gold:
        raise ValueError(f"there are {len(gold)} examples, and answers for {len(predicted)}")
    true = Counter(map(strip_direction, gold))
    guessed = Counter(strip_direction(label) for label in predicted if label is not None)
    right = Counter(strip_direction(a) for a, b in zip(gold, predicted) if a == b)
    relations = sorted(set(true) - {other})
    by_relation = {name: precision_recall_f1(right[name], guessed[name], true[name]) for name in relations}
    totals = (sum(counter[name] for name in relations) for counter in (right, guessed, true))
    macro = {
        f"macro_{key}": safe_ratio(sum(scores[key] for scores in by_relation.values()), len(by_relation))
        for key in ("precision", "recall", "f1")
    }
    return {
        **macro,
        "micro_f1": precision_recall_f1(*totals)["f1"],
        "accuracy": safe_ratio(sum(a == b for a, b in zip(gold, predicted)), len(gold)),
        "by_relation": by_relation,
    }
