"""Exercises as Jupyter notebooks: one to hand out, and the code of one that was handed in."""

import json
import textwrap
from typing import Any

from albert_np.learn.exercise import MARK, core_source
from albert_np.learn.exercises import get
from albert_np.learn.load import Unusable

CHECK = "ab.learn."  # cells with it check the others, and are not part of the solution


def notebook(name: str) -> str:
    """Return a notebook to start with, as the text of an .ipynb file: the exercise, its stub, and a cell that grades it."""
    exercise = get(name)
    text = textwrap.dedent(exercise.text).strip()
    functions = ", ".join(f'"{each}": {each}' for each in exercise.functions)
    given = [f"{MARK}{name}\n{exercise.imports.strip()}", *(core_source(each) for each in exercise.given)]
    cells = [
        markdown_cell(
            f"# {exercise.title}\n\n```text\n{text}\n```\n\nAbout {exercise.minutes} minutes. Run the cells from the top, write "
            f"what stands as `...`, and run the last cell as often as you like: it says which results are right."
        ),
        code_cell("\n\n\n".join(given)),
        code_cell(exercise.stub.strip()),
        code_cell(f'import albert_np as ab\n\nab.learn.check({{{functions}}}, exercise="{name}")'),
        markdown_cell(
            f'Stuck? `ab.learn.hints("{name}")[0]` is the first of {len(exercise.hints)} hints; '
            f'`print(ab.learn.derivation("{name}"))` derives the formulas.'
        ),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"{name.replace('_', '-')}-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def markdown_cell(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def code_cell(text: str) -> dict[str, Any]:
    source = text.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}


def notebook_code(text: str) -> str:
    """Return the code of a notebook without its magics and the cells that check the others. Unusable for another file."""
    try:
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unusable("it is not a Jupyter notebook of format 4, whose JSON has a list of cells") from None
    return "\n\n".join(without_magics(source) for source in sources if CHECK not in source) + "\n"


def without_magics(source: str) -> str:
    """Return the source of a cell in which lines such as `%matplotlib inline` and `!pip install` are empty."""
    if source.startswith("%%"):
        return ""
    return "\n".join("" if line.startswith(("%", "!", "?")) else line for line in source.splitlines())
