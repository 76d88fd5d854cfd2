"""Simple relations between a wrong tensor and the right ones: a factor, a sign, a transpose, a missing term."""

from typing import Any

import numpy as np

from albert_np.learn.compare import RIGHT, as_number, factor, is_close, is_zero, name_factor, solve
from albert_np.learn.exercise import normal
from albert_np.learn.outcome import Outcome, right, term_tables

MEANS = "a mean where there should be a sum?"
SUMS = "a sum where there should be a mean?"
COARSE = 1e-6  # relative error of numbers that have passed through float32
NAMES = {"y": "the output of the forward pass", "dy": "dy as it came from above"}


def describe(exercise: str, name: str, yours: list[Outcome]) -> str | None:
    """Return in words how a tensor is related to the right one in all these runs; None if no relation fits.

    name: a result, such as "dx" or "g.w", or a local variable that is a step on the way.
    """
    reference = [right(exercise, outcome.case.seed) for outcome in yours]
    values = [get_value(outcome, name) for outcome in yours]
    expected = [get_value(outcome, name) for outcome in reference]
    if any(as_number(value) is None for value in values) or any(as_number(value) is None for value in expected):
        return None
    for relation in (zero, other_shape, rounded, assigned, constant, another, transposed, terms):
        text = relation(exercise, name, values, expected, yours, reference)
        if text:
            return text
    return None


def get_value(outcome: Outcome, name: str) -> Any:
    return outcome.tensors[name] if name in outcome.tensors else outcome.local.get(name)


def zero(exercise: str, name: str, values: list[Any], expected: list[Any], *_: Any) -> str | None:
    if all(map(is_zero, values)) and not any(map(is_zero, expected)):
        return f"your {name} is 0 everywhere: nothing is {'added to it' if name.startswith('g.') else 'computed for it'}"
    return None


def other_shape(exercise: str, name: str, values: list[Any], expected: list[Any], *_: Any) -> str | None:
    if all(np.shape(value) == np.shape(right) for value, right in zip(values, expected)):
        return None
    for axis in (0, -1):
        if all(is_summed(value, right, axis) for value, right in zip(values, expected)):
            return f"your {name} is to be summed over the {'first' if axis == 0 else 'last'} axis: .sum({axis})"
    if all(is_close(np.swapaxes(value, -1, -2), right) for value, right in zip(values, expected) if np.ndim(value) > 1):
        return f"your {name} is the transpose of the right one" if all(np.ndim(value) > 1 for value in values) else None
    return None


def rounded(exercise: str, name: str, values: list[Any], expected: list[Any], *_: Any) -> str | None:
    """The right numbers, but with the digits of a smaller dtype."""
    off = [not is_close(value, right, RIGHT) for value, right in zip(values, expected)]
    if sum(off) > 1 and all(is_close(value, right, COARSE) for value, right in zip(values, expected)):
        return f"your {name} is right to about 7 digits only: does something turn it into float32? A result keeps its dtype"
    return None


def is_summed(value: Any, right: Any, axis: int) -> bool:
    """Return whether the sum of `value` over an axis, kept or not, is `right`."""
    return np.ndim(value) > 0 and any(is_close(np.sum(value, axis, keepdims=keep), right) for keep in (False, True))


def assigned(exercise: str, name: str, values: list[Any], expected: list[Any], yours: list[Outcome], _: Any) -> str | None:
    leaf, p = name.removeprefix("g."), getattr(yours[0].case, "p", None)
    if leaf == name or p is None or leaf not in dict(p.items()):
        return None
    totals = []
    for outcome, value in zip(yours, values):
        start = normal(outcome.case.seed, "start " + leaf, *np.shape(value))
        totals.append(value + start)  # the whole content of g, which did not start at 0
    if all(is_close(total, right) for total, right in zip(totals, expected)):
        return f"the number is right, but {name} is assigned instead of added to: write {name} += ..."
    return None


def constant(exercise: str, name: str, values: list[Any], expected: list[Any], yours: list[Outcome], _: Any) -> str | None:
    """A constant factor, with its name if it has one."""
    found = [(c, outcome.case) for value, right, outcome in zip(values, expected, yours)
             if not is_close(value, right) and (c := factor(value, right)) is not None]  # fmt: skip
    differing = sum(not is_close(value, right) for value, right in zip(values, expected))
    if len(found) < max(2, differing):
        return None
    called = name_factor([c for c, _ in found], [case for _, case in found])
    if called is None or called == "0":
        return None
    if called == "-1":
        return f"your {name} has the wrong sign"
    question = f" ({MEANS})" if called.startswith("1/") and called[2:].isalpha() else ""
    return f"your {name} is {called} times the right one{question}"


def another(
    exercise: str, name: str, values: list[Any], expected: list[Any], yours: list[Outcome], reference: list[Outcome]
) -> str | None:
    """The tensor is another one: another gradient, a step on the way, or an argument."""
    from albert_np.learn.exercises import get

    tensors = [other for other in reference[0].tensors if other != name]
    for other in tensors:
        if all(is_close(value, outcome.tensors.get(other)) for value, outcome in zip(values, reference)):
            swapped = other in yours[0].tensors and all(
                is_close(outcome.tensors.get(other), right) for outcome, right in zip(yours, expected)
            )
            return f"your {name} and {other} are exchanged" if swapped else f"your {name} is the right {other}"
    steps = [step for step in get(exercise).steps if step != name and step in reference[0].local]
    for step in steps:
        if all(is_close(value, outcome.local.get(step)) for value, outcome in zip(values, reference)):
            return f"your {name} is {step}; something is still to be done with it"
    for argument in vars(reference[0].case):
        arrays = [getattr(outcome.case, argument) for outcome in reference]
        if isinstance(arrays[0], np.ndarray) and all(map(is_close, values, arrays)):
            return f"your {name} is {NAMES.get(argument, argument)}, unchanged"
    if all(is_close(value, outcome.y) for value, outcome in zip(values, reference)):
        return f"your {name} is {NAMES['y']}"
    return None


def transposed(exercise: str, name: str, values: list[Any], expected: list[Any], *_: Any) -> str | None:
    if all(np.ndim(value) > 1 and is_close(np.swapaxes(value, -1, -2), right) for value, right in zip(values, expected)):
        return f"your {name} is the transpose of the right one"
    return None


def terms(exercise: str, name: str, values: list[Any], expected: list[Any], yours: list[Outcome], _: Any) -> str | None:
    """The tensor is a sum of terms, some of which are missing or have a wrong factor."""
    tables = [term_tables(exercise, outcome.case.seed).get(name, {}) for outcome in yours]
    if len(tables[0]) < 2:
        return None
    solved = [solve(value, list(table.values())) for value, table in zip(values, tables)]
    if any(coefficients is None for coefficients in solved):
        return None
    found = []
    for k, term in enumerate(tables[0]):
        called = name_factor([c[k] for c in solved if c is not None], [outcome.case for outcome in yours])
        if called is None:
            return None
        if called != "1":
            found.append(describe_coefficient(term, called))
    return f"your {name} {' and '.join(found)}" if found else None


def describe_coefficient(term: str, called: str) -> str:
    if called == "0":
        return f"lacks the term {term}"
    if called == "-1":
        return f"has the wrong sign in the term {term}"
    question = f" ({SUMS})" if called.isalpha() else ""
    return f"has the factor {called} too much in the term {term}{question}"
