"""The calls of the page of the exercises. Progress is a dict that the page keeps: what `learn.FileStore` keeps in its file."""

import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from albert_np import learn
from albert_np.apps.live.train_page import answers
from albert_np.learn import DictStore, Report
from albert_np.learn.ipynb import notebook_code
from albert_np.learn.load import Unusable, bug_named_in, exercise_named_in
from albert_np.learn.progress import FILE_NAME, next_hint, record_check

ARCHIVE = Path(tempfile.gettempdir(), "my-exercises.zip")


def get_exercises() -> list[dict[str, Any]]:
    """Return what the page shows before Python has started: names, titles, and the files to start with."""
    return [
        {
            "name": each.name, "title": each.title, "minutes": each.minutes, "needs": list(each.needs),
            "hints": len(each.hints), "notebook": each.notebook, "stub": learn.stub(each.name),
        }
        for each in learn.exercises()
    ]  # fmt: skip


@answers
def check(source: str, exercise: str, progress: dict[str, Any]) -> dict[str, Any]:
    """Grade a file and count the try; the file of a bug is not counted."""
    report = learn.check(source + "\n", exercise)
    store = DictStore(progress)
    if report.exercise and bug_named_in(source) is None:
        record_check(store, report.exercise, report.passed)
    return {
        "html": for_page(report)._repr_html_(), "verdict": report.verdict, "passed": report.passed, "progress": store.values,
    }  # fmt: skip


def for_page(report: Report) -> Report:
    """Return the report without the advice to type a command: the page has buttons."""
    is_command = "albert-np learn" in report.advice
    return replace(report, advice="" if is_command else report.advice)


@answers
def hint(exercise: str, progress: dict[str, Any]) -> dict[str, Any]:
    """Return the next hint, which is counted."""
    store = DictStore(progress)
    number, text = next_hint(store, exercise, learn.hints(exercise))
    return {"number": number, "of": len(learn.hints(exercise)), "text": text, "progress": store.values}


@answers
def solution(exercise: str) -> dict[str, Any]:
    """Return the solved file."""
    return {"text": learn.solution(exercise)}


@answers
def derivation(exercise: str) -> dict[str, Any]:
    """Return the derivation of the backward pass."""
    return {"text": learn.derivation(exercise)}


@answers
def bug(seed: int) -> dict[str, Any]:
    """Return the file of a bug hunt, and the exercise that it belongs to."""
    text = learn.bug(seed)
    return {"text": text, "exercise": exercise_named_in(text)}


@answers
def read_file(name: str, text: str) -> dict[str, Any]:
    """Return the code of a file that the reader opens, .py or .ipynb, and the exercise that it names."""
    try:
        code = notebook_code(text) if name.endswith(".ipynb") else text
    except Unusable as error:
        raise ValueError(f"{name}: {error}") from None
    exercise = exercise_named_in(code)
    if exercise not in [each.name for each in learn.exercises()]:
        first = "# albert-np learn: layer_norm"
        raise ValueError(f"{name} does not say which exercise it is for: expected a first line such as {first!r}")
    return {"text": code, "exercise": exercise, "bug": bug_named_in(code)}


@answers
def read_progress(text: str) -> dict[str, Any]:
    """Return the progress in a file that `albert-np learn` or this page wrote."""
    try:
        progress = json.loads(text)
    except ValueError:
        progress = None
    if not isinstance(progress, dict) or not all(isinstance(value, dict) for value in progress.values()):
        raise ValueError(f"it is not a file of progress: expected what `albert-np learn` keeps in {FILE_NAME}")
    return {"progress": progress}


@answers
def pack(files: dict[str, str], progress: dict[str, Any]) -> dict[str, Any]:
    """Write the reader's files and the progress as a zip file, and return its path: in a folder with these, `albert-np learn`
    goes on.
    """
    with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FILE_NAME, json.dumps(progress, indent=1))
        for name, text in sorted(files.items()):
            archive.writestr(name, text)
    return {"path": str(ARCHIVE)}
