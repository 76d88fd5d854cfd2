"""Execute the notebooks again, in place: all of them, or those that are given.

    python notebooks/run.py [NN_name.ipynb ...]

They run as in the tests: without network, each within a minute. Whatever differs from run to run (times, versions) is removed, so
that git shows a difference only where an output has changed. Nothing is written if a cell fails.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
LIMIT = 60  # seconds per notebook


def offline() -> None:
    """Set the environment of the Jupyter kernels: they import this checkout's package and cannot reach other machines."""
    paths = [
        str(HERE.parent / "tests" / "offline"),
        str(HERE.parent),
        os.environ.get("PYTHONPATH", ""),
    ]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = (
        "1"  # a warning of the debugger that Jupyter starts
    )


def execute(path: Path) -> float:
    """Execute one notebook in place, and return the seconds that it took."""
    notebook = nbformat.read(path, as_version=4)
    follow_page(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    start = time.perf_counter()
    NotebookClient(
        notebook, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
    ).execute()
    seconds = time.perf_counter() - start
    path.write_text(nbformat.writes(without_run_details(notebook)) + "\n", encoding="utf-8")
    return seconds


def follow_page(notebook: nbformat.NotebookNode) -> None:
    """Fill the cells tagged `page` (notebook 00) from albert_np/one_page.py; each but the first begins with a def of the file."""
    cells = [cell for cell in notebook.cells if "page" in cell.metadata.get("tags", [])]
    rest = (
        (HERE.parent / "albert_np" / "one_page.py")
        .read_text(encoding="utf-8")
        .partition("\nif __name__")[0]
    )
    for cell in reversed(cells[1:]):
        name = cell.source.partition("(")[0] + "("
        if rest.count("\n" + name) != 1:
            raise SystemExit(
                f"one_page.py has no {name!r}, with which a cell of the notebook begins"
            )
        rest, _, code = rest.partition("\n" + name)
        cell.source = (name + code).rstrip()
    if cells:
        cells[0].source = rest.rstrip()


def without_run_details(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove whatever differs from run to run, or from machine to machine."""
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
    return notebook


def merge_streams(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join the pieces of a stream: where it is cut depends on the timing."""
    merged: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def main(names: list[str]) -> int:
    offline()
    slow = []
    for path in [Path(name) for name in names] or sorted(HERE.glob("[0-9]*.ipynb")):
        seconds = execute(path)
        print(f"{seconds:5.1f} s  {path.name}", flush=True)
        if seconds > LIMIT:
            slow.append(path.name)
    if slow:
        print(f"more than {LIMIT} s: {', '.join(slow)}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
