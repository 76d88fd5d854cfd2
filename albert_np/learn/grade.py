"""Grade a file: `check` runs its functions beside core's and compares every tensor."""

import contextlib
import inspect
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from albert_np.core import reference
from albert_np.learn.bugs import without_answer
from albert_np.learn.compare import RIGHT, as_number, is_close, worst_place
from albert_np.learn.diagnose import Claim, diagnose, first_wrong, wrong_tensors
from albert_np.learn.exercise import Exercise
from albert_np.learn.exercises import LADDER, get
from albert_np.learn.ipynb import notebook_code
from albert_np.learn.load import Submission, Unusable, bug_named_in, exercise_for, from_functions, load, missing_function
from albert_np.learn.outcome import SEEDS, Outcome, Output, complete, new_case, right, run, version
from albert_np.learn.report import Item, Report

UNKNOWN = "It does not look like a mistake that we know."
SLOWER = 40  # times the reference's time that a solution may take
LARGER = 12  # times the reference's memory


def check(source: Any, exercise: str | None = None, restricted: bool = False) -> Report:
    """Grade a solution and return a `Report`.

    source      the text of a file, its path (.py or .ipynb), a function such as `layer_norm_backward`, or a module or dict with
                functions.
    exercise    the name of the exercise; by default the one that the first line of the file names, or whose function it has.
    restricted  refuse files with imports and names that no exercise needs.

    It runs in this process, without a limit of time. Raises ValueError for an exercise that does not exist, a folder, or a
    source of another type, and FileNotFoundError for a path that does not exist; everything that is wrong with the code is in
    the report.
    """
    if exercise is not None:
        get(exercise)
    named = exercise or ""
    try:
        submission = get_submission(source, restricted)
        named = exercise or exercise_for(submission.source, submission.names)
        report = grade(get(named), submission)
        bug = bug_named_in(submission.source)
        return report if bug is None else without_answer(report, bug)
    except Unusable as unusable:
        text = str(unusable)
        return Report(named, get(named).title if named else "", error=text if text.endswith((".", ")")) else text + ".")


def get_submission(source: Any, restricted: bool = False) -> Submission:
    """Return the functions of a source; see `check`."""
    if isinstance(source, dict):
        return from_functions(source)
    if isinstance(source, ModuleType):
        return Submission(vars(source))
    if inspect.isfunction(source):
        return from_functions({source.__name__: source})
    if isinstance(source, Path) or (isinstance(source, str) and "\n" not in source and source.endswith((".py", ".ipynb"))):
        return load(read(Path(source)), restricted)
    if isinstance(source, str):
        return load(source, restricted)
    raise ValueError(
        f"source: expected the text or the path of a file, a function, a module or a dict, got {type(source).__name__}"
    )


def read(path: Path) -> str:
    """Return the code of a file or a notebook."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; a solution is one file")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable("the file is not text in UTF-8") from None
    return notebook_code(text) if path.suffix == ".ipynb" else text


def grade(exercise: Exercise, submission: Submission) -> Report:
    """Run the functions of a submission on all cases, and compare."""
    missing = [name for name in exercise.functions if not callable(submission.names.get(name))]
    if missing:
        raise Unusable("; ".join(missing_function(name, submission.names) for name in missing))
    outcomes = [run(exercise, submission, new_case(exercise, seed)) for seed in SEEDS]
    report = Report(exercise.name, exercise.title, printed=outcomes[0].printed)
    forward_is_right = grade_forward(exercise, outcomes, report)
    grade_tensors(exercise, submission, outcomes, report)
    if not forward_is_right:
        return report
    unfinished = any(item.status == "todo" for item in report.items)
    wrong = wrong_tensors(exercise, outcomes)
    if wrong and not unfinished:
        claims = confirmed(exercise, submission, outcomes)
        report.diagnosis = [("It looks like this. " if n == 0 else "And: ") + str(claim)
                            for n, claim in enumerate(claims)]  # fmt: skip
        failed = any(outcome.failures for outcome in outcomes)
        if not claims and not failed and (place := first_wrong(exercise, outcomes, wrong)):
            report.diagnosis = [f"{UNKNOWN} {place}"]
    if not unfinished and not any(outcome.failures for outcome in outcomes):
        grade_conduct(exercise, submission, outcomes, report, solved=not wrong)
    report.advice = next_step(exercise, report)
    return report


def confirmed(exercise: Exercise, submission: Submission, outcomes: list[Outcome]) -> list[Claim]:
    """Return the claims about wrong results that hold on other random inputs as well."""
    claims = diagnose(exercise, outcomes)
    if not claims:
        return []
    again = [run(exercise, submission, new_case(exercise, outcome.case.seed + len(SEEDS))) for outcome in outcomes]
    return [claim for claim in claims if claim in diagnose(exercise, again)]


def next_step(exercise: Exercise, report: Report) -> str:
    if not report.passed:
        return f"Stuck? `albert-np learn hint {exercise.name}` gives a hint."
    at = LADDER.index(exercise.name)
    following = LADDER[at + 1] if at + 1 < len(LADDER) else ""
    return f"Next: `albert-np learn start {following}`." if following else "That was the last exercise. Well done."


def grade_forward(exercise: Exercise, outcomes: list[Outcome], report: Report) -> bool:
    """Compare the forward pass, which was given, with core's."""
    if exercise.forward is None:
        return True
    if failed := next((outcome.failures["forward"] for outcome in outcomes if "forward" in outcome.failures), None):
        report.items.append(Item("forward pass", "wrong", f"it was given and no longer runs: {failed.message}"))
        return False
    if all(is_close(outcome.y, right(exercise.name, outcome.case.seed).y, RIGHT) for outcome in outcomes):
        return True
    report.items.append(Item("forward pass", "wrong", "it was given, and its result has changed; put it back as it was"))
    return False


def grade_tensors(exercise: Exercise, submission: Submission, outcomes: list[Outcome], report: Report) -> None:
    """Add a line for each step on the way, for each result, and for each function that ended with an exception."""
    todo = {name: lines for name, lines in submission.unfinished.items() if name in exercise.functions}
    for function, lines in todo.items():
        report.items.append(
            Item(function, "todo", f"replace the ... in line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}")
        )
    for name, meaning in exercise.steps.items():
        if name not in outcomes[0].tensors and (item := grade_step(exercise, name, meaning, outcomes)):
            report.items.append(item)
    for name in right(exercise.name, SEEDS[0]).tensors:
        owner = right(exercise.name, SEEDS[0]).owner[name]
        report.items.append(grade_tensor(exercise, name, outcomes, owner in todo))
    reported: set[str] = set()
    for outcome in outcomes:
        for function, failed in outcome.failures.items():
            if function != "forward" and function not in reported:
                reported.add(function)
                if not (failed.unfinished or (todo and function in todo)):
                    report.items.append(Item(function, "wrong", failed.message))
                elif failed.unfinished and function not in todo:
                    report.items.append(Item(function, "todo", "a ... is still to be replaced"))


def grade_step(exercise: Exercise, name: str, meaning: str, outcomes: list[Outcome]) -> Item | None:
    """Return the line of a step on the way; None if the student has no variable of this name, or wrote `...`."""
    values = [outcome.local.get(name) for outcome in outcomes]
    expected = [right(exercise.name, outcome.case.seed).local.get(name) for outcome in outcomes]
    if as_number(values[0]) is None:
        return None
    for value, correct in zip(values, expected):
        if not is_close(value, correct, RIGHT):
            return Item(name, "wrong", difference(value, correct), step=True)
    return Item(name, "right", meaning, step=True)


def grade_tensor(exercise: Exercise, name: str, outcomes: list[Outcome], unfinished: bool) -> Item:
    """Return the line of a result."""
    for outcome in outcomes:
        reference_outcome = right(exercise.name, outcome.case.seed)
        correct = reference_outcome.tensors[name]
        if name not in outcome.tensors:
            return Item(name, "todo" if unfinished else "missing", "" if unfinished else "not reached")
        value = outcome.tensors[name]
        if value is ...:
            return Item(name, "todo")
        if unfinished and not (name.startswith("g.") and np.any(value)) and not is_close(value, correct, RIGHT):
            return Item(name, "todo")
        if value is None:
            return Item(name, "missing", nothing_returned(outcome, name))
        if not is_close(value, correct, RIGHT) or isinstance(value, tuple | list):
            gradients = isinstance(value, tuple) and getattr(outcome.case, "p", None) is not None
            advice = "; gradients of parameters are added to g and not returned" if gradients else ""
            return Item(name, "wrong", difference(value, correct) + advice)
    return Item(name, "right")


def nothing_returned(outcome: Outcome, name: str) -> str:
    """Return the note on a result that is None: the function returned nothing, or too few values."""
    function = outcome.owner[name]
    returned = [other for other, owner in outcome.owner.items() if owner == function and not other.startswith("g.")]
    count = sum(outcome.tensors[other] is not None for other in returned)
    if count and len(returned) > 1:
        return f"{function} returns {count} of {len(returned)} values: {', '.join(returned)}"
    return f"{function} returns None for it: is a return missing?"


def difference(value: Any, correct: Any) -> str:
    """Return how a value differs from the right one: its shape, NaN, or its worst element."""
    number, expected = as_number(value), as_number(correct)
    if isinstance(value, tuple | list):
        size = f"{len(value)} value{'s' * (len(value) != 1)}"
        return f"expected an array, got a {type(value).__name__} of {size}"
    if number is None or expected is None:
        return f"expected an array, got {type(value).__name__}"
    if number.shape != expected.shape:
        return f"its shape is {number.shape}, right is {expected.shape}"
    if np.isnan(number).any():
        return f"it has NaN in {int(np.isnan(number).sum())} of {number.size} places"
    return worst_place(value, correct)


# ---- how the work is done ----


def grade_conduct(exercise: Exercise, submission: Submission, outcomes: list[Outcome], report: Report, solved: bool) -> None:
    """Check that arguments are untouched, that the work is the student's own, dtypes, and the cost."""
    written = sorted({name for outcome in outcomes for name in outcome.written})
    if written:
        text = " and ".join("the cache" if name == "the cache" else name for name in written)
        report.items.append(Item("arguments untouched", "wrong", f"your code writes to {text}: make a new array instead"))
    else:
        report.items.append(Item("arguments untouched", "right"))
    if any(outcome.borrowed for outcome in outcomes):
        report.items.append(Item("your own work", "wrong", "it calls the function of albert_np that it is to replace"))
    if not solved:
        return
    report.items.append(grade_dtype(exercise, submission))
    if exercise.large and report.passed:
        report.items.append(grade_cost(exercise, submission))


def grade_dtype(exercise: Exercise, submission: Submission) -> Item:
    """Run in float32; everything must stay float32."""
    case = new_case(exercise, SEEDS[0], np.float32)
    outcome, expected = (
        run(exercise, submission, case),
        run(exercise, version(exercise), new_case(exercise, SEEDS[0], np.float32)),
    )
    if outcome.failures:
        return Item("float32", "wrong", next(iter(outcome.failures.values())).message)
    # a gradient that is 0 but for rounding, such as that of the keys' bias, has no right digits
    rounding = 1e-6 * max(np.abs(value[np.isfinite(value)]).max(initial=0.0) for value in expected.tensors.values())
    for name, value in expected.tensors.items():
        if getattr(outcome.tensors[name], "dtype", None) != value.dtype:
            return Item("float32", "wrong", f"with float32 arrays your {name} {other_dtype(outcome.tensors[name])}")
        if not is_close(outcome.tensors[name], value, 1e-3, rounding):
            return Item("float32", "wrong", f"with float32 arrays {name} has too few right digits")
    return Item("float32", "right")


def other_dtype(value: Any) -> str:
    if not hasattr(value, "dtype"):
        return f"is a Python {type(value).__name__}, not an array"
    return (
        f"becomes {value.dtype}: give a new array the dtype of the others, np.zeros(shape, x.dtype), and use "
        "Python numbers and math.sqrt, not NumPy scalars"
    )


def measure(call: Callable[[], Any], enough: float) -> tuple[float, int]:
    """Return the shortest time of a few calls in seconds, and the most memory that one has at once, in bytes.

    enough: a time above which a single call decides.
    """
    seconds = timed(call)
    if seconds > enough:
        return seconds, 0
    repeats = 2 if seconds > 0.01 else 20  # a short call may have been interrupted each time on a busy machine
    seconds = min(seconds, *(timed(call) for _ in range(repeats)))
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    call()
    peak = tracemalloc.get_traced_memory()[1] - before
    if not tracing:
        tracemalloc.stop()
    return seconds, peak


def timed(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def grade_cost(exercise: Exercise, submission: Submission) -> Item:
    """Compare time and memory with core's, on a larger case."""
    usual_seconds, usual_memory = measure(larger_call(exercise, version(exercise)), float("inf"))
    seconds, memory = measure(larger_call(exercise, submission), 10 * SLOWER * usual_seconds)
    if memory > LARGER * usual_memory:
        times = f"{memory / usual_memory:.0f} times the memory of the reference"
        return Item("cost", "wrong", f"it needs {times}; is a large array built that is summed over at once?")
    if seconds > SLOWER * usual_seconds:
        times = f"{seconds / usual_seconds:.0f} times as long as the reference"
        return Item(
            "cost", "wrong", f"it takes {times}: is there a loop over rows or elements that an array operation can replace?"
        )
    return Item("cost", "right", f"{max(1.0, seconds / usual_seconds):.1f} times the reference's time")


def larger_call(exercise: Exercise, submission: Submission) -> Callable[[], None]:
    """Return a call of an exercise's functions on a larger case, whose arrays are made before it."""
    names, case = complete(exercise, submission.names), exercise.draw_sized(0, exercise.large)

    def call() -> None:
        with reference(), np.errstate(all="ignore"), contextlib.redirect_stdout(Output()):
            cache = exercise.forward(names, case)[1] if exercise.forward else None
            for function in exercise.run(names, case, cache).values():
                function()

    return call
