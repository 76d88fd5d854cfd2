"""Semantic roles, scored as srl-eval.pl does for CoNLL-2005 (Carreras & Màrquez 2005).

An argument is right if its role and its whole extent are. One that is cut in pieces, A1 ... C-A1, is one argument. The predicate
itself (V) is not scored.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from albert_np.metrics.fractions import prf, ratio
from albert_np.metrics.tags import chunks

Argument = tuple[str, tuple[tuple[int, int], ...]]
UNSCORED = "V"


def arguments(tags: Sequence[str]) -> set[Argument]:
    """B-, I- tags of one predicate -> its arguments: the role, and its pieces in order

    "C-ARG1" continues the latest ARG1 before it; where there is none, it is an ARG1 by itself, as the script has it.
    """
    found: list[tuple[str, list[tuple[int, int]]]] = []
    for role, first, stop in chunks(tags):
        name = role.removeprefix("C-")
        started = [pieces for other, pieces in found if other == name] if role.startswith("C-") else []
        if started:
            started[-1].append((first, stop))
        else:
            found.append((name, [(first, stop)]))
    return {(role, tuple(pieces)) for role, pieces in found}


def conll2005(gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> dict[str, Any]:
    """gold, found: the tags of each predicate

    -> precision, recall, f1 of arguments; right, excess, missed: their numbers; perfect_props: the share of predicates with no
    mistake; by_role. ValueError where a predicate has not as many tags as it should.
    """
    if len(gold) != len(found):
        raise ValueError(f"there are {len(gold)} predicates, and tags for {len(found)}")
    right: Counter[str] = Counter()
    excess: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    perfect = 0
    for number, (a, b) in enumerate(zip(gold, found)):
        if len(a) != len(b):
            raise ValueError(f"predicate {number} has {len(a)} words, but {len(b)} tags")
        true, said = ({x for x in arguments(tags) if x[0] != UNSCORED} for tags in (a, b))
        right.update(role for role, _ in true & said)
        excess.update(role for role, _ in said - true)
        missed.update(role for role, _ in true - said)
        perfect += true == said
    roles = sorted(right | excess | missed)
    return {
        **scored(right.total(), excess.total(), missed.total()),
        "perfect_props": ratio(perfect, len(gold)),
        "by_role": {role: scored(right[role], excess[role], missed[role]) for role in roles},
    }


def scored(right: int, excess: int, missed: int) -> dict[str, Any]:
    return {**prf(right, right + excess, right + missed), "right": right, "excess": excess, "missed": missed}
