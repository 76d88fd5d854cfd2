"""Say what a wrong result looks like: a known mistake, or a simple relation to the right result; or that it is neither.

A known mistake is named only if core's function with that mistake gives the student's numbers, to 1e-6, in every tensor that it
changes and in at least two cases of different sizes.
"""

from dataclasses import dataclass

from albert_np.gradcheck.mistakes import Mistake
from albert_np.learn.compare import FIT, RIGHT, as_number, is_close, worst_place
from albert_np.learn.exercise import Exercise
from albert_np.learn.outcome import Outcome, known_mistakes, right, wrong
from albert_np.learn.relations import describe, get_value

MIN_CASES = 2
CLEARLY = 1e-4  # relative difference from the right result at which a fit with a mistake means something


@dataclass(frozen=True)
class Claim:
    """One statement about wrong results. mistakes: the known mistakes that it names, all with the same effect here."""

    text: str
    tensors: tuple[str, ...]
    mistakes: tuple[Mistake, ...] = ()

    def __str__(self) -> str:
        """The statement with the tensors that it is about, if it does not name them itself."""
        shown = ", ".join(self.tensors[:3]) + (", ..." if len(self.tensors) > 3 else "")
        return f"{shown}: {self.text}" if self.mistakes else self.text


def wrong_tensors(exercise: Exercise, yours: list[Outcome]) -> list[str]:
    """Return the names of the results that are wrong in some case, in their order."""
    names = list(right(exercise.name, yours[0].case.seed).tensors)
    return [
        name
        for name in names
        if not all(
            is_close(outcome.tensors.get(name), right(exercise.name, outcome.case.seed).tensors[name], RIGHT) for outcome in yours
        )
    ]


def diagnose(exercise: Exercise, yours: list[Outcome]) -> list[Claim]:
    """Return the claims that fit; none if nothing does."""
    remaining = wrong_tensors(exercise, yours)
    claims = []
    fitting = [(mistake, changed) for mistake in known_mistakes(exercise.name) if (changed := fits(exercise, mistake, yours))]
    fitting.sort(key=lambda each: -len(each[1]))
    while remaining and fitting:
        mistake, changed = fitting.pop(0)
        if not changed & set(remaining):
            continue
        alike = [other for other, same in fitting if same == changed and is_same(exercise, mistake, other, yours)]
        fitting = [each for each in fitting if each[0] not in alike]
        texts = dict.fromkeys([mistake.explanation, *(other.explanation for other in alike)])
        claims.append(Claim(" Or: ".join(texts), tuple(name for name in remaining if name in changed), (mistake, *alike)))
        remaining = [name for name in remaining if name not in changed]
    return claims + related(exercise, yours, remaining)


def related(exercise: Exercise, yours: list[Outcome], remaining: list[str]) -> list[Claim]:
    """Return the relations of the first wrong step, or else of the wrong results that no known mistake explains."""
    usable = [outcome for outcome in yours if not outcome.failures]
    if not remaining or len(usable) < MIN_CASES:
        return []
    for step in exercise.steps:
        if step in usable[0].tensors or step not in usable[0].local:
            continue
        expected = [right(exercise.name, outcome.case.seed).local.get(step) for outcome in usable]
        if not all(is_close(outcome.local.get(step), value, RIGHT) for outcome, value in zip(usable, expected)):
            text = describe(exercise.name, step, usable)
            return [Claim(sentence(text), (step,))] if text else []
    claims: dict[str, Claim] = {}
    owners = usable[0].owner
    for name in remaining:
        if owners.get(name) != owners.get(remaining[0]):
            break  # the functions after the first wrong one may only follow from it
        text = describe(exercise.name, name, usable)
        if text and not any(name in claim.tensors for claim in claims.values()):
            claims[text] = Claim(sentence(text), (name, *(text.split()[3:4] if "exchanged" in text else ())))
    return list(claims.values())


def sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?", "?)")) else text + "."


def fits(exercise: Exercise, mistake: Mistake, yours: list[Outcome]) -> set[str]:
    """Return the tensors that a mistake changes, if it gives the student's numbers in all of them; else an empty set."""
    changed: set[str] = set()
    telling = 0
    for outcome in yours:  # most mistakes are ruled out by the first case
        version = wrong(exercise.name, mistake, outcome.case.seed)
        differing = changes(exercise, version)
        if not agrees(exercise, outcome, version, differing):
            return set()
        changed |= differing
        telling += any(name in outcome.tensors for name in changes(exercise, version, CLEARLY))
    versions = [wrong(exercise.name, mistake, outcome.case.seed) for outcome in yours]
    agreeing = all(agrees(exercise, outcome, version, changed) for outcome, version in zip(yours, versions))
    return changed if agreeing and telling >= MIN_CASES else set()


def agrees(exercise: Exercise, outcome: Outcome, version: Outcome, names: set[str]) -> bool:
    """Return whether two runs have the same results in these tensors, or failed in the same way before they had them."""
    owner = right(exercise.name, outcome.case.seed).owner
    for name in names:
        one, other = outcome.failures.get(owner[name]), version.failures.get(owner[name])
        if one is not None or other is not None:
            if one is None or other is None or one.kind != other.kind:
                return False
        elif not is_close(outcome.tensors.get(name), version.tensors.get(name), FIT):
            return False
    return not set(version.written) - set(outcome.written)


def changes(exercise: Exercise, version: Outcome, tolerance: float = RIGHT) -> set[str]:
    """Return the tensors in which a version differs from the right results in its case."""
    reference = right(exercise.name, version.case.seed)
    return {name for name, value in reference.tensors.items() if not is_close(version.tensors.get(name), value, tolerance)}


def is_same(exercise: Exercise, one: Mistake, other: Mistake, yours: list[Outcome]) -> bool:
    """Return whether two mistakes have the same results in all cases."""
    for outcome in yours:
        first, second = (wrong(exercise.name, mistake, outcome.case.seed) for mistake in (one, other))
        if any(not is_close(first.tensors.get(name), second.tensors.get(name)) for name in first.tensors | second.tensors):
            return False
    return True


def first_wrong(exercise: Exercise, yours: list[Outcome], names: list[str]) -> str:
    """Return a sentence on the first tensor that is wrong and its worst coordinate."""
    for name in [*exercise.steps, *names]:
        for outcome in yours:
            value, expected = get_value(outcome, name), get_value(right(exercise.name, outcome.case.seed), name)
            numbers = as_number(value), as_number(expected)
            if numbers[0] is None or numbers[1] is None or is_close(value, expected, RIGHT):
                continue
            if numbers[0].shape == numbers[1].shape:
                return f"The first tensor that is wrong is {name}, {worst_place(value, expected)}."
            return f"The first tensor that is wrong is {name}: its shape is {numbers[0].shape}, right is {numbers[1].shape}."
    return ""
