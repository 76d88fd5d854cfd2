"""albert-np learn: exercises that grade themselves."""

from pathlib import Path
from typing import Annotated

import typer

from albert_np.apps.cli.common import JsonOption, SeedOption, print_json, print_note, print_table

NameArgument = Annotated[str | None, typer.Argument(help="The exercise [the one that was started last]", show_default=False)]
FileArgument = Annotated[Path | None, typer.Argument(help="Your file [that of the exercise started last]", show_default=False)]
ExerciseOption = Annotated[
    str | None,
    typer.Option("--exercise", help="The exercise [the one that the file names in its first line]", show_default=False),
]


def add_commands(cli: typer.Typer) -> None:
    """Add `learn` with its commands."""
    learn = typer.Typer(
        help="Exercises that grade themselves: write a backward pass, and the checker says what is wrong with it.",
        no_args_is_help=True, rich_markup_mode=None,
    )  # fmt: skip
    for name, command in (
        ("list", list_exercises), ("start", start), ("check", check), ("hint", hint), ("derivation", derivation),
        ("solution", solution), ("train", train), ("bug", bug), ("grade", grade),
    ):  # fmt: skip
        learn.command(name)(command)
    cli.add_typer(learn, name="learn")


def list_exercises(as_json: JsonOption = False) -> None:
    """List the exercises, and which of them are solved in this folder.

    Example: albert-np learn list
    """
    from albert_np.learn import FileStore, exercises

    store, rows = FileStore(), []
    for number, exercise in enumerate(exercises(), 1):
        done = store.get(exercise.name) or {}
        state = "solved" if done.get("passed") else f"{done['tries']} tries" if done.get("tries") else ""
        rows.append((number, exercise, state))
    if as_json:
        print_json([{"name": e.name, "title": e.title, "minutes": e.minutes, "needs": list(e.needs), "solved": state == "solved"}
                    for _, e, state in rows])  # fmt: skip
        return
    print_table(["", "exercise", "", "minutes", "after", ""],
                [[str(n), e.name, e.title, str(e.minutes), ", ".join(e.needs), state] for n, e, state in rows])  # fmt: skip
    print("\nBegin one: albert-np learn start linear")


def start(
    exercise: Annotated[str, typer.Argument(help="The exercise; `albert-np learn list` shows them.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the file.")] = Path("."),
    again: Annotated[bool, typer.Option("--again", help="Replace a file that is there.")] = False,
    as_notebook: Annotated[bool, typer.Option("--notebook", help="A Jupyter notebook, with a cell that grades it.")] = False,
) -> None:
    """Write a file to work in: formula, shapes, the forward pass, and the lines that are yours.

    Example: albert-np learn start layer_norm
    """
    from albert_np.learn import FileStore, notebook, stub
    from albert_np.learn.exercises import get
    from albert_np.learn.progress import CURRENT

    record = get(exercise)
    if as_notebook:
        path = _write(out, f"{record.name}.ipynb", notebook(exercise), again)
    else:
        path = _write(out, record.file_name, stub(exercise), again)
    FileStore().put(CURRENT, {"exercise": exercise, "file": str(path)})
    print(f"{path}: {record.title}, about {record.minutes} minutes. Write the lines with ..., then: albert-np learn check")


def _write(folder: Path, name: str, text: str, again: bool) -> Path:
    """Write a new file into a folder and return its path."""
    from albert_np.io.files import make_folder, write_whole

    make_folder(folder)
    path = folder / name
    if path.exists() and not again:
        raise typer.BadParameter(f"{path} is there already, perhaps with your work in it; --again replaces it")

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_whole(path, write)
    return path


def _current() -> dict[str, str]:
    from albert_np.learn import FileStore
    from albert_np.learn.progress import CURRENT

    current = FileStore().get(CURRENT)
    if not isinstance(current, dict):
        raise typer.BadParameter("no exercise was started in this folder; begin with: albert-np learn start linear")
    return current


def _name(given: str | None) -> str:
    """Return the exercise that is meant, and say so if it was not named."""
    from albert_np.learn.exercises import get

    if given is None:
        given = _current()["exercise"]
        print_note(f"exercise {given}")
    return get(given.removesuffix(".py").removesuffix(".ipynb")).name


def check(file: FileArgument = None, exercise: ExerciseOption = None, as_json: JsonOption = False) -> None:
    """Grade your file: each result, each step on the way, dtypes, arguments untouched, cost. Exit code 1 if something is wrong.

    It runs in a process of its own and is stopped after 20 seconds.

    Example: albert-np learn check layer_norm.py
    """
    from albert_np.apps.learn.isolated import check_file
    from albert_np.learn import FileStore
    from albert_np.learn.progress import record_check

    if file is None:
        file = Path(_current()["file"])
        print_note(f"checking {file}")
    report = check_file(file, exercise)
    if report.exercise and not _is_bug(file):
        record_check(FileStore(), report.exercise, report.passed)
    if as_json:
        print_json(report.to_dict())
    else:
        print(report)
    if not report.passed:
        raise typer.Exit(1)


def _is_bug(file: Path) -> bool:
    from albert_np.learn.load import bug_named_in

    return bug_named_in(file.read_text(encoding="utf-8", errors="replace")) is not None


def hint(exercise: NameArgument = None) -> None:
    """Print the next hint. Each says more than the one before.

    Example: albert-np learn hint layer_norm
    """
    from albert_np.learn import FileStore, hints
    from albert_np.learn.progress import next_hint

    name = _name(exercise)
    number, text = next_hint(FileStore(), name, hints(name))
    print(f"Hint {number} of {len(hints(name))}: {text}")
    if number == len(hints(name)):
        print("That was the last hint. `albert-np learn derivation` and `albert-np learn solution` show the rest.")


def derivation(exercise: NameArgument = None) -> None:
    """Print the derivation of the backward pass, with the result.

    Example: albert-np learn derivation layer_norm
    """
    from albert_np import learn

    print(learn.derivation(_name(exercise)))


def solution(exercise: NameArgument = None) -> None:
    """Print the solved file: the library's own code.

    Example: albert-np learn solution layer_norm
    """
    from albert_np import learn

    print(learn.solution(_name(exercise)), end="")


def train(
    file: Annotated[Path | None, typer.Option("--with", help="Your file [that of the exercise started last]")] = None,
    exercise: ExerciseOption = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Number of steps.")] = 300,
    seed: SeedOption = 0,
) -> None:
    """Train a small ALBERT on the bytes of Python's documentation with your functions in it, beside one with the library's.

    Both begin with the same parameters and see the same batches. With wrong gradients you see what these do to training.

    Example: albert-np learn train --with layer_norm.py
    """
    from albert_np.apps.learn.isolated import check_file
    from albert_np.apps.learn.train import conclude, side_by_side

    path = Path(_current()["file"]) if file is None else file
    report = check_file(path, exercise)
    print(report.verdict)
    if report.error or any(item.status == "todo" for item in report.items):
        raise ValueError(report.error or f"{path} is not finished: there is still a ... to be replaced")
    rows = []
    print(f"\n{'step':>5} {'library':>9} {'yours':>9} {'difference':>11}")
    for row in side_by_side(path, report.exercise, steps, seed):
        rows.append(row)
        if row.step == 1 or row.step % max(1, steps // 12) == 0 or row.step == steps or row.yours != row.yours:
            print(f"{row.step:5} {row.reference:9.4f} {row.yours:9.4f} {row.yours - row.reference:11.1e}", flush=True)
    print(f"\n{conclude(rows)}")
    if not report.passed:
        print("The check finds something wrong in it, whether training shows it or not: albert-np learn check")


def bug(
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option("--out", help="The folder for the file.")] = Path("."),
    again: Annotated[bool, typer.Option("--again", help="Replace a file that is there.")] = False,
) -> None:
    """Write a layer with one mistake in it, another for each seed. Find it and correct it; `learn check` says when you have.

    Example: albert-np learn bug --seed 3
    """
    from albert_np import learn

    path = _write(out, f"bug_{seed}.py", learn.bug(seed), again)
    print(f"{path}: there is one mistake in it. See which results are wrong: albert-np learn check {path}")


def grade(
    folder: Annotated[Path, typer.Argument(help="The folder with the students' files, or with a folder for each student.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file for the results.")] = Path("results.csv"),
    exercise: ExerciseOption = None,
    seconds: Annotated[int, typer.Option("--seconds", min=1, help="Limit of time for each file.")] = 10,
    megabytes: Annotated[int, typer.Option("--megabytes", min=100, help="Limit of memory for each file.")] = 1000,
) -> None:
    """Grade the files of a class, each in a process of its own that may not read, write, or reach the network.

    Example: albert-np learn grade handed_in --out results.csv
    """
    from albert_np.apps.learn.classroom import grade_folder, write_table

    if out.is_dir():
        raise typer.BadParameter(f"--out {out} is a folder; it needs the name of a file")
    grades = []
    for each in grade_folder(folder, exercise, seconds, megabytes):
        grades.append(each)
        verdict = "solved" if each.passed else f"{each.right} of {each.of} right" if each.of else "not graded"
        print(f"{each.file}: {each.exercise or '?'}: {verdict}", flush=True)
    write_table(grades, out)
    print(f"{sum(each.passed for each in grades)} of {len(grades)} solved; {out} has the details")
