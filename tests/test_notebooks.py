"""The notebooks: their form, their exercises, and that every backward pass is derived in one of them.

nbmake runs them from end to end; here only the cells are executed that an exercise needs.
"""

import ast
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from backward_functions import backward_functions

FOLDER = Path(__file__).parents[1] / "notebooks"
PATHS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
LAST = 21  # number of the last notebook
MAX_BYTES = 400_000
SOLUTION = re.compile(r"<details><summary>Solution</summary>\n\n```python\n(.*?)\n```\n(?:\n.*?\n)?\n</details>", re.DOTALL)
MACHINE_DETAILS = re.compile(
    r"site-packages|ipykernel_|\b0x[0-9a-f]{8,}|(?<![\w.])/(?:home|root|tmp|usr|opt|var|work|Users|mnt)/\w"
)
LINES_LEFT = r"(: 1 line is still `\.\.\.`|: \d+ lines are still `\.\.\.`)?"

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(cell: dict[str, Any]) -> str:
    return "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")


def exercises(notebook: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return (exercise cell, the solution's code) of each exercise."""
    pairs = []
    for cell, following in zip(notebook["cells"], [*notebook["cells"][1:], None]):
        if "exercise" in tags(cell):
            assert following is not None and following["cell_type"] == "markdown", "no solution follows the exercise"
            hidden = SOLUTION.fullmatch(source(following).strip())
            assert hidden, f"the solution has another form: {source(following)[:80]!r}"
            pairs.append((cell, hidden[1]))
    return pairs


def question(cell: dict[str, Any]) -> tuple[ast.Module, ast.Expr]:
    """Split an exercise's cell into all but its last statement, and the last, which calls exercise(number, answer, check)."""
    tree = ast.parse(source(cell))
    last = tree.body.pop()
    assert isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and ast.unparse(last.value.func) == "exercise"
    assert len(last.value.args) == 3 and not last.value.keywords
    return tree, last


def defined(tree: ast.Module) -> set[str]:
    """Return the names that statements define or assign to."""
    named = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    stored = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return named | {node.id for node in stored}


def test_they_are_numbered():
    assert PATHS
    numbers = [int(path.name[:2]) for path in PATHS]
    assert len(set(numbers)) == len(numbers) and set(numbers) <= set(range(LAST + 1))


@each
def test_its_form(path):
    notebook = read(path)
    assert path.stat().st_size <= MAX_BYTES
    assert notebook["nbformat"] == 4 and notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook["metadata"]) == {"albert_np", "kernelspec", "language_info"}
    derives = notebook["metadata"]["albert_np"]["derives"]
    assert isinstance(derives, list) and len(set(derives)) == len(derives)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    first, second = notebook["cells"][:2]
    assert first["cell_type"] == "markdown" and source(first).startswith(f"# {path.name[:2]}. ")
    assert second["cell_type"] == "code" and "plain(" in source(second)


@each
def test_what_one_needs_and_hints(path):
    """What one needs and how long it takes; a kind and a hint for each exercise."""
    notebook = read(path)
    first = source(notebook["cells"][0])
    assert re.search(r"\*You need\* .+ \*It takes\* .*\d+ .*minutes", first.replace("\n", " "))
    for text, cell in itertools.pairwise(notebook["cells"]):
        if "exercise" in tags(cell):
            assert re.match(r"\*\*\d\.\*\* \*(Recall|Vary|Derive|Open)\.\* ", source(text)), source(text)[:60]
            assert "<details><summary>Hint</summary>" in source(text), f"no hint: {source(text)[:60]}"


@each
def test_it_ends_in_exercises(path):
    text = "\n".join(source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[-2:] == ["What to read next", "Exercises"]


@each
def test_formulas_stand_by_themselves(path):
    """MyST takes a displayed formula that touches a line of text for text, up to the end of the paragraph."""
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "markdown":
            outside = re.sub(r"^```.*?^```", "", source(cell), flags=re.MULTILINE | re.DOTALL)
            for paragraph in re.split(r"\n\s*\n", outside):
                if "$$" in paragraph:
                    assert re.fullmatch(r"\$\$[^$]+\$\$", paragraph.strip()), f"more than a formula: {paragraph}"


@each
def test_it_asserts_something(path):
    cells = [cell for cell in code_cells(read(path)) if "exercise" not in tags(cell)]
    asserts = [node for cell in cells for node in ast.walk(ast.parse(source(cell))) if isinstance(node, ast.Assert)]
    assert asserts, "no assertion: no result in it is checked"


@each
def test_it_was_executed(path):
    cells = code_cells(read(path))
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), "run notebooks/run.py"
    assert any(cell["outputs"] for cell in cells)
    for cell in cells:
        assert "execution" not in cell["metadata"], "times of execution: run notebooks/run.py"
        for output in cell["outputs"]:
            assert output["output_type"] != "error" and output.get("name") != "stderr", output


@each
def test_no_details_of_a_machine_are_in_it(path):
    text = path.read_text(encoding="utf-8")
    pictures = re.compile(r'"image/png": "[^"]*"')
    match = MACHINE_DETAILS.search(pictures.sub("", text))
    assert not match, text[max(0, match.start() - 60) : match.end() + 60]


@each
def test_its_exercises(path):
    pairs = exercises(read(path))
    assert 2 <= len(pairs) <= 5
    for number, (cell, solution) in enumerate(pairs, 1):
        tree, last = question(cell)
        argument, answer = last.value.args[:2]
        assert ast.literal_eval(argument) == number
        assert printed(cell) == f"Exercise {number}: not solved yet.\n"
        names = {node.id for node in ast.walk(answer) if isinstance(node, ast.Name)}
        assert names & defined(tree) & defined(ast.parse(solution)), "the solution defines other names than the exercise"


def turns(notebook: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return (cell with a stub, the folded cell with the notebook's own code) of each "your turn"."""
    cells = code_cells(notebook)
    return [(cell, answer) for cell, answer in zip(cells, [*cells[1:], None]) if "your-turn" in tags(cell)]


def checked_functions(cell: dict[str, Any]) -> list[str]:
    """Return the names of the functions that the last statement of a "your turn" cell checks."""
    last = ast.parse(source(cell)).body[-1]
    assert isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and ast.unparse(last.value.func) == "your_turn"
    return [ast.unparse(argument) for argument in last.value.args]


@each
def test_its_turns(path):
    """The answer comes after the question, and is folded."""
    for cell, answer in turns(read(path)):
        names = checked_functions(cell)
        assert set(names) <= defined(ast.parse(source(cell))), "your_turn checks a function that the cell does not define"
        are = "are" if len(names) > 1 else "is"
        line = rf"Your turn: {', '.join(names)} {are} not written yet{LINES_LEFT}\. The answer is in the next cell, folded\.\n"
        assert re.fullmatch(line, printed(cell)), printed(cell)
        assert answer is not None and set(names) <= defined(ast.parse(source(answer))), "the answer does not follow"
        assert "hide-input" in tags(answer) and answer["metadata"]["jupyter"] == {"source_hidden": True}, "it is not folded"


@pytest.fixture
def beside_the_notebooks(monkeypatch):
    """Run in the notebooks' folder, with no window for figures."""
    from matplotlib import pyplot

    monkeypatch.chdir(FOLDER)
    monkeypatch.syspath_prepend(str(FOLDER))
    backend = matplotlib.get_backend()
    pyplot.switch_backend("agg")
    monkeypatch.setattr(pyplot, "show", lambda *_, **__: None)
    with matplotlib.rc_context():
        yield
    pyplot.close("all")
    pyplot.switch_backend(backend)


def test_a_turn_says_how_far_it_is(beside_the_notebooks, monkeypatch, capsys):
    from notebook_tools import exercise, your_turn

    def nothing(x):
        """One line."""
        ...

    def half(x):
        first, second = 1, ...
        return first, second

    def half_of_two(x):
        first = x + 1
        second = ...
        return first, second

    def in_place(x):
        y = np.empty(3)
        y[...] = x
        return y

    def wrong_order(x):
        first = ...
        return first + x, first

    def shapes(x):
        return np.zeros(3) + np.zeros(x)

    def by_line(f):
        lines = [each for each in f(4) if each is not ...]
        return "Right so far, 1 to go." if len(lines) == 1 else True

    lines = {"check": by_line, "by_line": True}
    for function, options, expected in (
        (nothing, {"check": bool}, ["Your turn: nothing is not written yet. The answer is in the next cell, folded.\n"]),
        (half_of_two, {"check": bool}, ["Your turn: half_of_two is not written yet: 1 line is still `...`. The answer"]),
        (in_place, {"check": lambda f: f(2)[0] == 2}, ["Right.\n"]),
        (half, lines, ["Right so far, 1 to go.\n"]),
        (lambda x: (1, 2), lines, ["Right.\n"]),
        (wrong_order, lines, ["wrong_order stops at: return first + x, first\n", "fill in the lines from the top\n"]),
        (shapes, lines, ["shapes stops at: return np.zeros(3) + np.zeros(x)\nValueError: ", "keepdims", "Not right yet.\n"]),
    ):
        capsys.readouterr()
        your_turn(function, **options)
        text = capsys.readouterr().out
        assert text.startswith(expected[0]) and all(each in text for each in expected), text
    with pytest.raises(AssertionError, match=r"exercise 1: shapes stops at: return np.zeros\(3\) .*\nValueError: "):
        exercise(1, shapes, by_line)
    capsys.readouterr()
    your_turn(nothing, half_of_two, check=bool)
    assert capsys.readouterr().out.startswith("Your turn: nothing, half_of_two are not written yet: 1 line is still")
    monkeypatch.setenv("ALBERT_NP_SOLVED", "1")
    for function, error in ((half, AssertionError), (shapes, ValueError)):
        with pytest.raises(error):
            your_turn(function, check=by_line, by_line=True)


@pytest.mark.slow
@each
def test_its_solutions(path, beside_the_notebooks, monkeypatch, capsys):
    notebook = read(path)
    solutions = {id(cell): solution for cell, solution in exercises(notebook)}
    answered = {id(answer): cell for cell, answer in turns(notebook)}
    namespace: dict[str, Any] = {"__name__": path.stem}
    monkeypatch.setitem(sys.modules, path.stem, None)  # an import of this name must fail
    number = 0
    for cell in code_cells(notebook):
        if "slow" in tags(cell):
            continue
        if id(cell) not in solutions:
            exec(compile(source(cell), f"{path.name}, {cell['id']}", "exec"), namespace)
            if id(cell) in answered:
                with monkeypatch.context() as solved:
                    solved.setenv("ALBERT_NP_SOLVED", "1")
                    exec(ast.unparse(ast.parse(source(answered[id(cell)])).body[-1]), namespace)
            continue
        number += 1
        tree, last = question(cell)
        run = [compile(part, f"{path.name}, exercise {number}", "exec")
               for part in (tree, ast.parse(solutions[id(cell)]), ast.Module([last], []))]  # fmt: skip
        capsys.readouterr()
        exec(run[0], namespace)
        exec(run[2], namespace)
        assert capsys.readouterr().out.endswith(f"Exercise {number}: not solved yet.\n")
        with monkeypatch.context() as solved:
            solved.setenv("ALBERT_NP_SOLVED", "1")
            with pytest.raises(AssertionError, match="is not solved"):
                exec(run[2], namespace)
            exec(run[1], namespace)
            exec(run[2], namespace)
        assert capsys.readouterr().out.endswith(f"Exercise {number}: right.\n")
    assert number == len(solutions)


def derived() -> dict[str, list[str]]:
    """Return {backward function: the notebooks that derive it}."""
    index: dict[str, list[str]] = {}
    for path in PATHS:
        for name in read(path)["metadata"]["albert_np"]["derives"]:
            index.setdefault(name, []).append(path.name)
    return index


def functions_to_derive() -> set[str]:
    """Backward functions of core, models and compress; those of the engine compute the same."""
    return {name for name in backward_functions() if not name.startswith("engine.") and name.endswith("_backward")}


def test_each_derived_function_exists():
    assert set(derived()) <= functions_to_derive(), "derived, but not (or no longer) in the library"
    assert {name: where for name, where in derived().items() if len(where) > 1} == {}


def test_every_backward_pass_is_derived_in_one_notebook():
    assert functions_to_derive() - set(derived()) == set()


@each
def test_what_is_derived_is_shown(path):
    """The source of each function that a notebook derives is displayed in it."""
    notebook = read(path)
    shown = "\n".join(
        "".join(text)
        for cell in code_cells(notebook)
        for output in cell["outputs"]
        for kind, text in output.get("data", {}).items()
        if kind in ("text/markdown", "text/plain")
    )
    for name in notebook["metadata"]["albert_np"]["derives"]:
        assert f"def {name.rsplit('.', 1)[1]}(" in shown, f"{name} is not shown"
