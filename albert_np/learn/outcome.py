"""Run the functions of an exercise on one case and record everything that is graded."""

import contextlib
import inspect
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from albert_np.core import reference
from albert_np.core.params import Tree
from albert_np.gradcheck.mistakes import MISTAKES, Mistake, get_source
from albert_np.gradcheck.mistakes.mistake import get_function, with_mistake
from albert_np.learn.exercise import Case, Exercise, Names, convert_case
from albert_np.learn.exercises import get
from albert_np.learn.load import Submission, describe_error, line_of_error

SEEDS = (0, 1, 2, 3)  # of the cases that are graded. Sizes differ; odd ones use the options of the operation


@dataclass
class Failure:
    """A call that ended with an exception. kind: exception and text, without its place; unfinished: it met a `...`."""

    message: str
    kind: str
    line: int | None = None
    unfinished: bool = False


@dataclass
class Outcome:
    """The results of one run.

    tensors   {name: value that the functions returned or added}.
    local     {name: value} of the local variables of the functions when they returned.
    failures  {function: how it failed}.
    written   names of arguments that were changed although they must not.
    borrowed  whether a function called the reference that it is to replace.
    """

    case: Case
    y: Any = None
    tensors: dict[str, Any] = field(default_factory=dict)
    local: dict[str, Any] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)  # {tensor: function}
    failures: dict[str, Failure] = field(default_factory=dict)
    written: tuple[str, ...] = ()
    borrowed: bool = False
    printed: str = ""


class Output(io.StringIO):
    """Printed text, of which the first characters are kept."""

    LIMIT = 2000

    def write(self, text: str) -> int:
        room = self.LIMIT - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


@contextlib.contextmanager
def observed(functions: dict[Any, str], forbidden: set[Any], outcome: Outcome) -> Iterator[None]:
    """Record the local variables of functions (by their code objects) as they return, and calls of forbidden ones."""

    def profile(frame: Any, event: str, argument: Any) -> None:
        if event == "return" and frame.f_code in functions:
            outcome.local.update(frame.f_locals)
        elif event == "call" and frame.f_code in forbidden:
            outcome.borrowed = True

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


def run(exercise: Exercise, submission: Submission, case: Case) -> Outcome:
    """Run the functions of a file on a case."""
    outcome, output = Outcome(case), Output()
    names = complete(exercise, submission.names)
    functions = {code: name for name in exercise.functions if (code := code_object(names.get(name)))}
    forbidden = {get_function(name).__code__ for name in exercise.solve} - functions.keys()
    with reference(), np.errstate(all="ignore"), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        kept = None
        if exercise.forward is not None:
            try:
                outcome.y, kept = exercise.forward(names, case)
            except Exception as error:
                outcome.failures["forward"] = failure(error, submission)
                outcome.printed = output.getvalue()
                return outcome
        watched = {name: value for name, value in vars(case).items() if name not in exercise.writes} | {"the cache": kept}
        before = {name: contents(value) for name, value in watched.items()}
        for function, call in exercise.run(names, case, kept).items():
            run_one(function, call, observed(functions, forbidden, outcome), submission, outcome)
        outcome.written = tuple(name for name, value in watched.items() if contents(value) != before[name])
    outcome.printed = output.getvalue()
    return outcome


def run_one(function: str, call: Any, observer: Any, submission: Submission, outcome: Outcome) -> None:
    """Run one function and record its results, or how it failed."""
    try:
        with observer:
            tensors = call()
        outcome.tensors |= tensors
        outcome.owner |= dict.fromkeys(tensors, function)
    except (Exception, SystemExit) as error:
        outcome.failures[function] = failure(error, submission)
        reached = getattr(error, "reached", {})
        outcome.tensors |= reached
        outcome.owner |= dict.fromkeys(reached, function)


def code_object(function: Any) -> Any:
    """Return the code of a function, without decorators; None for other values."""
    return getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None


def failure(error: BaseException, submission: Submission) -> Failure:
    text = str(error)
    unfinished = "ellipsis" in text.lower() and isinstance(error, TypeError | AttributeError)
    return Failure(describe_error(error, submission), f"{type(error).__name__}: {text}", line_of_error(error), unfinished)


def complete(exercise: Exercise, names: Names) -> Names:
    """Return the names of a file with those of core for functions that it was given and does not define."""
    return {**core_names(exercise.name), **{name: value for name, value in names.items() if not name.startswith("__")}}


@cache
def core_names(name: str) -> Names:
    """Return core's functions that an exercise's file was given."""
    exercise = get(name)
    return {function.rpartition(".")[2]: get_function(function) for function in exercise.given if not is_constant(function)}


def is_constant(name: str) -> bool:
    return not isinstance(get_function(name), FunctionType)


def contents(value: Any) -> list[bytes]:
    """Return the bytes of the arrays of a nested value."""
    if isinstance(value, Tree):
        return [value.flat.tobytes()]
    if isinstance(value, np.ndarray):
        return [value.tobytes()]
    if isinstance(value, tuple | list):
        return [each for child in value for each in contents(child)]
    if isinstance(value, dict):
        return contents(list(value.values()))
    return []


# ---- right results, and those of known mistakes ----


def version(exercise: Exercise, mistake: Mistake | None = None) -> Submission:
    """Return core's functions of an exercise, one of them with a mistake, in a namespace in which they call each other."""
    return build_version(exercise.name, mistake)


@cache
def build_version(name: str, mistake: Mistake | None) -> Submission:
    exercise = get(name)
    functions = [name for name in (*exercise.given, *exercise.solve) if not is_constant(name)]
    names: Names = {}
    for function in functions:
        names |= vars(sys.modules[get_function(function).__module__])
    for function in functions:
        source = get_source(function)
        if mistake is not None and mistake.function == function:
            source = with_mistake(function, source, mistake)
        exec(compile(source, f"<{function}>", "exec"), names)
    return Submission(names)


@cache
def known_mistakes(name: str) -> tuple[Mistake, ...]:
    """Return the known mistakes in the functions that an exercise asks for."""
    last_bit = "recomputing_changes_nothing"  # its mistakes differ in the last bit of the results, or are there twice
    return (
        *(mistake for mistake in MISTAKES if mistake.function in get(name).solve and mistake.check != last_bit),
        *get(name).mistakes,
    )


def new_case(exercise: Exercise, seed: int, dtype: Any = np.float64) -> Case:
    case = exercise.draw(seed)
    case.seed = seed
    return case if dtype == np.float64 else convert_case(case, dtype)


@lru_cache(maxsize=256)
def right(name: str, seed: int) -> Outcome:
    """Return the results of core's functions on the case of a seed."""
    exercise = get(name)
    return run(exercise, version(exercise), new_case(exercise, seed))


@lru_cache(maxsize=4096)
def wrong(name: str, mistake: Mistake, seed: int) -> Outcome:
    """Return the results of core's functions with a mistake on the case of a seed."""
    exercise = get(name)
    return run(exercise, version(exercise, mistake), new_case(exercise, seed))


def term_tables(name: str, seed: int) -> dict[str, dict[str, Any]]:
    """Return {tensor: {description: term}} of the right results: the terms that they are sums of."""
    outcome = right(name, seed)
    return get(name).terms(outcome.case, outcome.local, outcome.tensors)
