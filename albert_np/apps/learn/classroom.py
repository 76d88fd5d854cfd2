"""Grade the files of a class and write the results as a table."""

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from albert_np.apps.learn.isolated import check_file
from albert_np.io.files import write_whole


@dataclass(frozen=True)
class Grade:
    """The result of one file: a row of the table."""

    file: str
    exercise: str
    passed: bool
    right: int
    of: int
    error: str
    diagnosis: str
    seconds: float


def find_files(folder: Path) -> list[Path]:
    """Return the Python files and notebooks in a folder and in the folders in it, sorted. ValueError if there is none."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    found = [path for pattern in ("*.py", "*.ipynb") for path in folder.rglob(pattern)]
    files = sorted(path for path in found if not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts))
    if not files:
        raise ValueError(f"{folder}: there is no .py file and no notebook in it, nor in the folders in it")
    return files


def grade_folder(folder: Path, exercise: str | None, seconds: int, megabytes: int) -> Iterator[Grade]:
    """Check every file in a process of its own and yield its grade."""
    for path in find_files(folder):
        start = perf_counter()
        try:
            report = check_file(path, exercise, seconds, megabytes, restricted=True)
        except OSError as error:
            yield Grade(str(path.relative_to(folder)), exercise or "", False, 0, 0, f"cannot be read: {error.strerror}", "", 0.0)
            continue
        count, total = report.score
        problems = [item.note for item in report.items if item.status == "wrong" and not item.step and item.note]
        error_text = report.error or ("; ".join(problems) if not report.diagnosis and not report.passed else "")
        yield Grade(
            str(path.relative_to(folder)), report.exercise, report.passed, count, total, error_text, " ".join(report.diagnosis),
            round(perf_counter() - start, 1),
        )  # fmt: skip


def write_table(grades: list[Grade], path: Path) -> None:
    """Write the grades as a CSV file, which is complete or not there. Cells that a spreadsheet would compute are made text."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(asdict(grades[0]))
    for grade in grades:
        rows.writerow([as_text(value) for value in asdict(grade).values()])

    def write(temporary: Path) -> None:
        temporary.write_text(text.getvalue(), encoding="utf-8")

    write_whole(path, write)


def as_text(value: object) -> object:
    """Return a cell; a text that begins like a formula gets an apostrophe, because students choose the names of their files."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
