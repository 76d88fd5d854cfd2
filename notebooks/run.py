"""Execute the notebooks again, in place: all of them, or those that are named.

    python notebooks/run.py [NN_name.ipynb ...]

They run as in the tests: without network, each within a minute. What differs from run to run (times, versions) is not kept, so
that outputs which are the same make no difference to git. Nothing is written if a cell fails.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
LIMIT = 60  # seconds a notebook


def offline() -> None:
    """Kernels started from here on find this checkout's package and reach no other machine."""
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
    """Execute one notebook in place -> seconds."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    start = time.perf_counter()
    NotebookClient(
        notebook, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
    ).execute()
    seconds = time.perf_counter() - start
    path.write_text(nbformat.writes(plainly(notebook)) + "\n", encoding="utf-8")
    return seconds


def plainly(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without what differs from run to run, or from machine to machine."""
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = together(cell.outputs)
    return notebook


def together(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Pieces of one stream, which arrive as they happen to be sent, as one."""
    kept: list[nbformat.NotebookNode] = []
    for output in outputs:
        if (
            kept
            and output.output_type == kept[-1].output_type == "stream"
            and output.name == kept[-1].name
        ):
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


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
