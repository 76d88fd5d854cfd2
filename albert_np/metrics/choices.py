"""Accuracy of questions with choices, of all and of each group, as RACE reports it for RACE-M and RACE-H."""

from collections.abc import Sequence

from albert_np.metrics.fractions import safe_ratio


def choice_scores(gold: Sequence[int], predicted: Sequence[int], groups: Sequence[str] = ()) -> dict[str, float]:
    """Return the accuracy, that of each group as "accuracy GROUP" if there are several, and total, the number of questions.

    gold, predicted   (n,) indices of choices, n >= 1; groups: (n,) names, "" for none. ValueError without questions.
    """
    if not len(gold):
        raise ValueError("there is nothing to score")
    if len(gold) != len(predicted) or (groups and len(groups) != len(gold)):
        raise ValueError(f"expected as many answers and groups as questions, {len(gold)}, got {len(predicted)} and {len(groups)}")
    right = [int(a == b) for a, b in zip(gold, predicted)]
    members: dict[str, list[int]] = {}
    for name, each in zip(groups, right):
        members.setdefault(name, []).append(each)
    shown = {name: each for name, each in members.items() if name and len(members) > 1}
    parts = {f"accuracy {name}": safe_ratio(sum(each), len(each)) for name, each in sorted(shown.items())}
    return {"accuracy": safe_ratio(sum(right), len(right)), **parts, "total": len(right)}
