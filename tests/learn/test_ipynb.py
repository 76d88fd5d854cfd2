"""Exercises as notebooks: each runs from the top, and what a student writes in it is graded like a file."""

import json

import pytest

from albert_np import learn
from albert_np.learn.exercise import core_source
from albert_np.learn.exercises import LADDER, get
from albert_np.learn.ipynb import notebook_code
from albert_np.learn.load import Unusable


def code_cells(text: str) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]


def run_cells(cells: list[str]) -> learn.Report:
    """Execute cells as a kernel does, and return the value of the last one."""
    names: dict[str, object] = {}
    for cell in cells[:-1]:
        exec(cell, names)
    imports, _, check = cells[-1].partition("\n\n")
    exec(imports, names)
    return eval(check, names)


@pytest.mark.parametrize("name", LADDER)
def test_it_runs_and_its_solution_passes(name):
    given, stub, check = code_cells(learn.notebook(name))
    fresh = run_cells([given, stub, check])
    assert fresh.exercise == name and not fresh.passed and not fresh.error
    exercise = get(name)
    solution = "\n\n".join([exercise.more_imports, *(core_source(each) for each in exercise.solve)])
    solved = run_cells([given, solution, check])
    assert solved.passed, str(solved)


def test_a_notebook_is_graded_like_a_file(tmp_path):
    path = tmp_path / "mine.ipynb"
    whole = json.loads(learn.notebook("linear"))
    cell = whole["cells"][2]
    cell["source"] = ["%matplotlib inline\n", "!pip list\n", core_source(get("linear").solve[0])]
    whole["cells"].insert(0, {"cell_type": "code", "source": "%%bash\nls", "metadata": {}, "outputs": []})
    path.write_text(json.dumps(whole), encoding="utf-8")
    assert learn.check(path).passed and learn.check(str(path), restricted=True).passed
    cell["source"] = ["def linear_backward(dy, x, p, g):\n    return dy @ p.w"]
    path.write_text(json.dumps(whole), encoding="utf-8")
    assert not learn.check(path).passed


@pytest.mark.parametrize("text", ["", "x = 1", "[]", "{}", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}'])
def test_a_file_that_is_no_notebook(tmp_path, text):
    with pytest.raises(Unusable, match="not a Jupyter notebook"):
        notebook_code(text)
    path = tmp_path / "broken.ipynb"
    path.write_text(text, encoding="utf-8")
    assert "not a Jupyter notebook" in learn.check(path).error
