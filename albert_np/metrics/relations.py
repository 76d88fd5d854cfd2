"""Relations, scored as in SemEval-2010 task 8 (Hendrickx et al. 2010): (9 + 1) classes, direction counted, Other left out.

A label is a relation with its direction, "Cause-Effect(e1,e2)". For each relation

    precision = right / found as this relation, in either direction
    recall    = right / examples of this relation, in either direction

where only the right direction is right; the official score is the mean of the relations' F1. Labels without a direction
("per:title") are relations themselves.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from albert_np.metrics.fractions import prf, ratio


def relation_of(label: str) -> str:
    """ "Cause-Effect(e1,e2)" -> "Cause-Effect" """
    return label.partition("(")[0]


def semeval(gold: Sequence[str], found: Sequence[str | None], other: str = "Other") -> dict[str, Any]:
    """gold, found: a label for each example; None: no answer was given

    -> macro_f1, macro_precision, macro_recall: means over the relations of the gold labels without `other` (the official script
    leaves out a relation that is only found, too); micro_f1, which counts examples; accuracy over all; by_relation. ValueError
    if there is nothing to score.
    """
    if len(gold) != len(found) or not gold:
        raise ValueError(f"there are {len(gold)} examples, and answers for {len(found)}")
    true = Counter(relation_of(label) for label in gold)
    said = Counter(relation_of(label) for label in found if label is not None)
    right = Counter(relation_of(a) for a, b in zip(gold, found) if a == b)
    relations = sorted(set(true) - {other})
    each = {name: prf(right[name], said[name], true[name]) for name in relations}
    sums = (sum(counter[name] for name in relations) for counter in (right, said, true))
    return {
        **{
            f"macro_{key}": ratio(sum(scores[key] for scores in each.values()), len(each))
            for key in ("precision", "recall", "f1")
        },
        "micro_f1": prf(*sums)["f1"],
        "accuracy": ratio(sum(a == b for a, b in zip(gold, found)), len(gold)),
        "by_relation": each,
    }
