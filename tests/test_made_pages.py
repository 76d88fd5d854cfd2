"""Rewriting of pages and notebooks before Sphinx parses them."""

import json
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
if not DOCS.is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)


@pytest.fixture(scope="module")
def made():
    sys.path.insert(0, str(DOCS))
    try:
        import made

        yield made
    finally:
        sys.path.remove(str(DOCS))


def test_links_are_turned_and_code_is_not(made):
    text = "[the layer](../albert_np/core/layers/linear.py), [`tasks`](tasks.md#own), [out](https://x.y)\n`f[0](x)`\n```python\nf[0](x)\n```\n"
    turned = "[the layer](source:albert_np/core/layers/linear.py), [`tasks`](tasks.md#own), [out](https://x.y)\n"
    assert made.rewrite_links(text, DOCS, DOCS) == turned + text.split("\n", 1)[1]


def test_a_notebook_keeps_its_code_and_its_outputs(made):
    shown = {"output_type": "display_data", "data": {"text/markdown": ["f[0](x)"]}}
    code = {"cell_type": "code", "source": ["f[0](4000)"], "metadata": {}, "outputs": [shown]}
    prose = {"cell_type": "markdown", "source": ["[next](05_layer_norm.ipynb),\n", "[code](../albert_np/core/layers/linear.py)"]}
    found = json.loads(made.rewrite_notebook(json.dumps({"cells": [code, prose]}), DOCS / "notebooks"))
    assert found["cells"][0] == code
    assert found["cells"][1]["source"] == "[next](05_layer_norm.ipynb),\n[code](source:albert_np/core/layers/linear.py)"


def test_a_folded_cell_says_what_is_in_it(made):
    """The cell after a "your turn" is its answer, also where a derivation stands between them; any other is code."""
    turn, folded = {"tags": ["your-turn"]}, {"tags": ["hide-input"]}
    text = {"cell_type": "markdown", "source": ["The derivation"], "metadata": {}}
    kinds = [folded, turn, text, folded, folded, {}]
    cells = [each if "source" in each else {"cell_type": "code", "source": [], "metadata": each, "outputs": []} for each in kinds]
    found = json.loads(made.rewrite_notebook(json.dumps({"cells": cells}), DOCS / "notebooks"))["cells"]
    prompts = [cell["metadata"].get("mystnb", {}).get("code_prompt_show") for cell in found]
    assert prompts == ["The code", None, None, "The answer", "The code", None]


def test_a_picture_has_a_text_in_its_place(made):
    def alt(shown):
        output = {"output_type": "display_data", "metadata": {}, "data": shown}
        cell = {"cell_type": "code", "source": [], "metadata": {}, "outputs": [output]}
        found = json.loads(made.rewrite_notebook(json.dumps({"cells": [cell]}), DOCS / "notebooks"))["cells"]
        return found[0]["metadata"].get("mystnb", {}).get("image", {}).get("alt")

    assert alt({"image/png": "", "text/plain": ["[Drawing of gelu:\n", "u; t]"]}) == "Drawing of gelu: u; t"
    assert alt({"image/png": "", "text/plain": ["<Figure size 630x288 with 1 Axes>"]}) == "Figure drawn by the cell above"
    assert alt({"text/plain": ["3"]}) is None


def test_the_ladder_has_every_notebook(made):
    from made import course

    paths = sorted((DOCS.parent / "notebooks").glob("[0-9]*.ipynb"))
    assert [int(path.name[:2]) for path in paths] == list(course.QUESTIONS)
    rows = course.text().splitlines()[2:]
    for path, row in zip(paths, rows, strict=True):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        first = "".join(notebook["cells"][0]["source"])
        assert f"({'../notebooks/' + path.name})" in row and row.count(" | ") == 3
        assert bool(course.minutes(first)) == ("*It takes*" in first), f"no minutes: {path.name}"
        assert all(f"`{name.rpartition('.')[2].removesuffix('_backward')}`" in row for name in course.derives(notebook))


def test_the_minutes_are_read_from_the_first_cell(made):
    from made.course import minutes

    assert minutes("*You need* 04. *It takes* about 90\nminutes with pen and paper, and 10 seconds to run.") == "90"
    assert minutes("*It takes* 20 to 30 minutes to read, less than one to run.") == "20–30"
    assert minutes("The first edition takes 5 minutes.") == ""
