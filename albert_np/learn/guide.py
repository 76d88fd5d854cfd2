"""The texts that belong to an exercise: the file to start with, hints, the solution and the derivation."""

from albert_np.learn import exercise as record
from albert_np.learn.exercise import Exercise
from albert_np.learn.exercises import every, get


def exercises() -> list[Exercise]:
    """Return the exercises in the order of the ladder."""
    return every()


def stub(name: str) -> str:
    """Return the file to start with: formula, shapes, the forward pass, and `...` where something is to be written.

    name: one of those in `exercises`. ValueError for another, as in all functions that take a name.
    """
    return record.stub_file(get(name))


def hints(name: str) -> tuple[str, ...]:
    """Return the hints of an exercise, each with more in it than the one before."""
    return get(name).hints


def solution(name: str) -> str:
    """Return the solved file of an exercise, with the functions of core. It passes `check`."""
    return record.solution_file(get(name))


def derivation(name: str) -> str:
    """Return the derivation of an exercise's backward pass, as it stands in core, in plain text."""
    return record.derivation(get(name))
