"""Shared by the notebooks: the library's source in place, comparisons, figures that read on any page, stubs and exercises that
check themselves."""

import ast
import dis
import inspect
import os
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

# blue, orange, green, pale blue: distinguishable with any kind of colour vision
INK, SECOND, THIRD, PALE = "#1f4e8c", "#b3541e", "#3c7a3e", "#b7cbe6"


def show(*functions: Callable[..., Any]) -> Any:
    """Display, folded, the source of these functions as it stands in the library; of an operation, that of the reference."""
    from IPython.display import Markdown

    plain_functions = [inspect.unwrap(each) for each in functions]
    sources = (textwrap.dedent(inspect.getsource(each)).rstrip() for each in plain_functions)
    where = dict.fromkeys(each.__module__.replace(".", "/") + ".py" for each in plain_functions)
    names = ", ".join(each.__name__ for each in plain_functions)
    # Markdown takes the page's own colours, in light and in dark
    return Markdown(
        f"<details><summary>{names}, in {', '.join(where)}</summary>\n\n"
        "```python\n{}\n```\n\n</details>".format("\n\n\n".join(sources))
    )


def passed(rows: Iterable[Any]) -> bool:
    """Print the rows of a gradient check, one line per tensor, and return whether all of them passed."""
    rows = list(rows)
    print("\n".join(map(str, rows)))
    return bool(rows) and all(row.passed for row in rows)


def model_passed(rows: Iterable[Any]) -> bool:
    """Print how far each part of a model passed its gradient check, with the worst tensor of each, and return whether all did."""
    rows = list(rows)
    parts = {row.name.split(".")[0]: [] for row in rows}
    for row in rows:
        parts[row.name.split(".")[0]].append(row)
    if all(row.passed for row in rows):
        print(f"{len(rows)} tensors passed, the largest error {max(row.error for row in rows):.1e}")
        return bool(rows)
    for part, its_rows in parts.items():
        wrong = [row for row in its_rows if not row.passed]
        line = f"{part:11} {len(its_rows) - len(wrong):2} of {len(its_rows):2} tensors right"
        if wrong and not any(row.analytic for row in wrong):
            line += (
                f"; no gradient reaches {'them' if len(wrong) == len(its_rows) else 'the others'}"
            )
        elif wrong:
            line += f"; {max(wrong, key=lambda row: row.error)}"
        print(line)
    return False


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two arrays, or tuples of arrays, are equal up to the rounding of float64."""
    ours, theirs = ((x if isinstance(x, tuple) else (x,)) for x in (ours, theirs))
    return len(ours) == len(theirs) and all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-11, atol=1e-13)
        for a, b in zip(ours, theirs)
    )


def exercise(number: int, answer: Any, check: Callable[[Any], Any]) -> None:
    """Print whether an exercise is solved. An answer that is still empty (None, or a function with the body `...`) is no error.

    For any other, AssertionError is raised unless `check(answer)` is true; where the answer itself stops with an error, this is
    described in two lines. With the environment variable ALBERT_NP_SOLVED, which the tests of the solutions set, an empty answer
    raises it, too.
    """
    if is_empty(answer):
        assert not os.environ.get("ALBERT_NP_SOLVED"), f"exercise {number} is not solved"
        print(f"Exercise {number}: not solved yet.")
        return
    try:
        right = check(answer)
    except Exception as error:
        raise AssertionError(f"exercise {number}: {describe_error(error, [answer])}") from None
    assert right, f"exercise {number}: not right yet"
    print(f"Exercise {number}: right.")


def your_turn(
    *functions: Callable[..., Any],
    check: Callable[..., Any] | None = None,
    by_line: bool = False,
) -> Any:
    """Say how far the functions are that the reader writes; the folded cell below has the notebook's own.

    They are compared with the library's, and `albert_np.learn` says what a mistake looks like; or, for functions that are not
    an exercise there, by check(*functions) -> bool, which prints. As long as there is nothing but `...`, one line says so; with
    by_line=True, check is called with functions that are not finished, too. It returns None if there is nothing to check, and a
    sentence if all is right so far. A wrong answer is no error, so that all cells can be run; with ALBERT_NP_SOLVED, which the
    tests set, it is.
    """
    import albert_np as ab

    names, result = ", ".join(each.__name__ for each in functions), None
    if check is None:
        # named, because other cells may define the functions of other exercises
        exercise = next(
            each.name for each in ab.learn.exercises() if each.main == functions[-1].__name__
        )
        report = ab.learn.check({each.__name__: each for each in functions}, exercise)
        if report.error or any(item.status != "todo" for item in report.items):
            result = report.passed
    elif by_line or not any(is_empty(each) or open_lines(each) for each in functions):
        try:
            result = check(*functions)
        except Exception as error:
            if os.environ.get("ALBERT_NP_SOLVED"):
                raise
            print(describe_error(error, functions))
            result = False
        if not by_line:
            result = bool(result)
    so_far = isinstance(result, str) and result
    assert (result and not so_far) or not os.environ.get("ALBERT_NP_SOLVED"), f"{names}: not right"
    if so_far:
        print(so_far)
    elif result is None:
        count = sum(len(open_lines(each)) for each in functions if not is_empty(each))
        still = f": {count} {'lines are' if count > 1 else 'line is'} still `...`" if count else ""
        are = "are" if len(functions) > 1 else "is"
        print(
            f"Your turn: {names} {are} not written yet{still}. The answer is in the next cell, folded."
        )
    elif check is None:
        if report.passed:
            # it names the next exercise of `albert-np learn`; a notebook has its own order
            report.advice = ""
        return report
    else:
        print("Right." if result else "Not right yet.")
    return None


def describe_error(error: Exception, functions: Iterable[Any]) -> str:
    """Return in two lines where the reader's function stops, and why; better than a traceback through the checker."""
    from albert_np.learn.load import advise

    place, at = "", error.__traceback__
    while at is not None:
        for each in functions:
            if at.tb_frame.f_code is getattr(each, "__code__", None):
                source, first = inspect.getsourcelines(each)
                place = f"{each.__name__} stops at: {source[at.tb_lineno - first].strip()}\n"
        at = at.tb_next
    advice = advise(error)
    if "ellipsis" in str(error):
        advice = "A line of yours uses one that is still `...`: fill in the lines from the top"
    return f"{place}{type(error).__name__}: {error}" + (f". {advice}" if advice else "")


def is_empty(answer: Any) -> bool:
    """Return whether an answer is None or Ellipsis, or a function that has no more than a docstring and `...`."""
    if not inspect.isfunction(answer):
        return answer is None or answer is Ellipsis
    names = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return all(
        step.opname in names and step.argval in (None, 0) for step in dis.get_instructions(answer)
    )


def open_lines(function: Any) -> list[str]:
    """Return the statements of a function whose `...` is still to be replaced; `x[...] = y` is none of them.

    Of a function without a source of its own, ["..."] is returned if there is one.
    """
    from albert_np.learn.load import placeholder_lines

    try:
        source = textwrap.dedent(inspect.getsource(function))
        lines = [
            source.splitlines()[line - 1].strip()
            for line in placeholder_lines(ast.parse(source).body[0])
        ]
    except (OSError, SyntaxError):  # made by `exec`, or a lambda within another expression
        return ["..."] if Ellipsis in function.__code__.co_consts else []
    return lines


def plain(width: float = 7, height: float = 3.2) -> Any:
    """Set the style of the figures: white ground (readable on light and dark pages), no box, faint grid; sizes in inches."""
    import matplotlib

    matplotlib.rcParams.update({
        "figure.figsize": (width, height), "figure.dpi": 90, "figure.facecolor": "white", "savefig.facecolor": "white",
        "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "grid.alpha": 0.25, "axes.titlelocation": "left", "font.size": 10,
        "axes.prop_cycle": matplotlib.cycler(color=[INK, SECOND, THIRD, "#7a4f9a"]),
    })  # fmt: skip
    return matplotlib
