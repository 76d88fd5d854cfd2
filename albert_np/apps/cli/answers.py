"""Texts and files for `predict` and `translate`, and their answers in print."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from albert_np.apps.cli.common import print_json, print_message

if TYPE_CHECKING:
    from albert_np.tasks.task import Task
    from albert_np.tasks.trained import Trained

BOM = "\ufeff"
MAX_NAMED = 5  # lines that a note names


def print_answers(trained: "Trained", texts: list[str] | None, file: str | None, as_json: bool, quiet: bool = False) -> None:
    """Answer the texts, the file, or the lines of standard input; print one JSON object per line, or text."""
    task = trained.task
    examples = read_file(trained, file, quiet) if file is not None else parse_texts(task, texts, quiet)
    answers = task.answers(trained.model, trained.tokenizer, examples)
    for example, answer in zip(examples, answers):
        if as_json:
            print_json(task.as_json(example, answer))
        else:
            print_markup(task.show(example, answer))


def parse_texts(task: "Task", texts: list[str] | None, quiet: bool) -> list[Any]:
    """Return the examples of the texts or, without any, of the lines of standard input."""
    if texts:
        return parse_lines(task, enumerate(texts, start=1), "text", quiet)
    return parse_lines(task, enumerate((line.rstrip("\r\n") for line in sys.stdin), start=1), "standard input, line", quiet)


def read_examples(trained: "Trained", file: str, silent: bool, labelled: bool = True) -> list[Any]:
    """Return the examples of a file; print on stderr how it was read."""
    from albert_np.data.formats.summary import get_summary

    examples = trained.read(file, labelled)
    if not silent:
        print_message(get_summary(file, examples, "file").describe())
    return examples


def read_file(trained: "Trained", file: str, quiet: bool) -> list[Any]:
    """Return the examples of a file, in a format of the task or, for some tasks, with a text on each line."""
    from albert_np.data.formats.lines import get_suffix, read_lines

    task = trained.task
    if task.is_plain_text(file):
        return parse_lines(task, read_lines(file), f"{file}, line", quiet)
    try:
        return read_examples(trained, file, quiet, labelled=False)
    except ValueError as error:
        if get_suffix(file) != ".txt":
            raise
        raise ValueError(f"{error} (if it has a text on each line: albert-np predict {task.name} ... < {file})") from None


def parse_lines(task: "Task", lines: Iterable[tuple[int, str]], source: str, quiet: bool) -> list[Any]:
    """Return the example of each numbered line, without byte order marks. Blank lines are skipped, with a note.

    ValueError that names the line for one that is not an example, or if there is none.
    """
    examples, blank = [], []
    for number, line in lines:
        text = line.lstrip(BOM)
        if not text.strip():
            blank.append(number)
            continue
        try:
            examples.append(task.example(text))
        except ValueError as error:
            raise ValueError(f"{source} {number}: {error}") from None
    if not examples:
        raise ValueError(f"there is no text to answer{', only blank ones' if blank else ''}")
    if blank and not quiet:
        names = ", ".join(map(str, blank[:MAX_NAMED])) + (", ..." if len(blank) > MAX_NAMED else "")
        print_message(f"albert-np: note: skipped, as blank: {source} {names}")
    return examples


def print_markup(text: str) -> None:
    """Print rich's markup: in colour in a terminal, elsewhere as plain text with its tabs."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal:
        console.print(text)
    else:
        print(Text.from_markup(text).plain)
