"""Scores of semantic roles as in srl-eval.pl, the scorer of CoNLL-2005 (Carreras & Màrquez 2005).

An argument is right if its role and its whole extent are. One with a gap, A1 ... C-A1, is one argument with two spans. The
predicate itself (V) is not scored.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from albert_np.metrics.fractions import precision_recall_f1, safe_ratio
from albert_np.metrics.tags import chunks

Argument = tuple[str, tuple[tuple[int, int], ...]]
UNSCORED = "V"


def group_arguments(tags: Sequence[str]) -> set[Argument]:
    """Return the arguments of one predicate from its B-, I- tags: (role, its spans in order).

    "C-ARG1" continues the latest ARG1 before it; without one it is an ARG1 by itself, as in the script.
    """
    arguments: list[tuple[str, list[tuple[int, int]]]] = []
    for role, first, stop in chunks(tags):
        name = role.removeprefix("C-")
        earlier = [spans for other, spans in arguments if other == name] if role.startswith("C-") else []
        if earlier:
            earlier[-1].append((first, stop))
        else:
            arguments.append((name, [(first, stop)]))
    return {(role, tuple(spans)) for role, spans in arguments}


def conll2005(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score the tags of each predicate.

    Returns precision, recall, f1 of arguments; right, excess, missed: their counts; perfect_props: the share of predicates
    without a mistake; by_role. ValueError where the numbers of predicates or of their tags differ.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"there are {len(gold)} predicates, and tags for {len(predicted)}")
    right: Counter[str] = Counter()
    excess: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    perfect = 0
    for i, (a, b) in enumerate(zip(gold, predicted)):
        if len(a) != len(b):
            raise ValueError(f"predicate {i} has {len(a)} words, but {len(b)} tags")
        true, guessed = ({argument for argument in group_arguments(tags) if argument[0] != UNSCORED} for tags in (a, b))
        right.update(role for role, _ in true & guessed)
        excess.update(role for role, _ in guessed - true)
        missed.update(role for role, _ in true - guessed)
        perfect += true == guessed
    roles = sorted(right | excess | missed)
    return {
        **_scores(right.total(), excess.total(), missed.total()),
        "perfect_props": safe_ratio(perfect, len(gold)),
        "by_role": {role: _scores(right[role], excess[role], missed[role]) for role in roles},
    }


def _scores(right: int, excess: int, missed: int) -> dict[str, Any]:
    scores = precision_recall_f1(right, right + excess, right + missed)
    return {**scores, "right": right, "excess": excess, "missed": missed}
