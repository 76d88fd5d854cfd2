"""Texts and files for `predict` and `translate`, and their answers in print."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from albert_np.apps.cli.common import print_json, print_message
from albert_np.apps.cli.streams import BYTE_ORDER_MARK, decode_argument, is_terminal, read_stdin

if TYPE_CHECKING:
    from albert_np.data.formats.summary import FileSummary
    from albert_np.tasks.task import Task
    from albert_np.tasks.trained import Trained


def print_answers(trained: "Trained", texts: list[str] | None, file: str | None, as_json: bool, quiet: bool = False) -> None:
    """Answer the texts, the file, or the lines of standard input; print one JSON object per line, or text."""
    task = trained.task
    print_answers_to(trained, read_file(trained, file, quiet) if file is not None else parse_texts(task, texts, quiet), as_json)


def print_answers_to(trained: "Trained", examples: list[Any], as_json: bool) -> None:
    """Answer examples; print one JSON object per line, or text."""
    task = trained.task
    answers = task.answers(trained.model, trained.tokenizer, examples)
    for example, answer in zip(examples, answers):
        if as_json:
            print_json(task.as_json(example, answer))
        else:
            print_markup(task.show(example, answer))


def parse_texts(task: "Task", texts: list[str] | None, quiet: bool) -> list[Any]:
    """Return the examples of the texts or, without any, of the lines of standard input."""
    if not texts and not quiet and is_terminal(sys.stdin):
        print_message("Type your texts, one per line; Ctrl-D ends.")
    lines = enumerate((decode_argument(text, "TEXT") for text in texts) if texts else read_stdin(), start=1)
    examples, summary = parse_lines(task, lines, "the texts" if texts else "standard input")
    if summary.left_out and not quiet:
        print_message(summary.describe())
    return examples


def read_examples(trained: "Trained", file: str, silent: bool, labelled: bool = True) -> list[Any]:
    """Return the examples of a file; print on stderr how it was read."""
    from albert_np.data.formats.summary import get_summary

    examples = trained.read(file, labelled)
    if not silent:
        print_message(get_summary(file, examples, "file").describe())
    return examples


def read_file(trained: "Trained", file: str, silent: bool) -> list[Any]:
    """Return the examples of a file, in a format of the task or, for some tasks, with a text on each line."""
    from albert_np.data.formats.lines import get_suffix, read_lines

    if trained.task.is_plain_text(file):
        examples, summary = parse_lines(trained.task, read_lines(file), file)
        if not silent:
            print_message(summary.describe())
        return examples
    try:
        return read_examples(trained, file, silent, labelled=False)
    except ValueError as error:
        if get_suffix(file) != ".txt":
            raise
        hint = f"if it has a text on each line: albert-np predict {trained.task.name} ... < {file}"
        raise ValueError(f"{error} ({hint})") from None


def parse_lines(task: "Task", lines: Iterable[tuple[int, str]], source: str) -> tuple[list[Any], "FileSummary"]:
    """Return the example of each numbered line, without byte order marks, and their summary. Blank lines are left out.

    ValueError that names the line for one that is not an example, or if there is none.
    """
    from albert_np.data.formats.summary import FileSummary

    position = "text" if source == "the texts" else "line"
    summary = FileSummary(source, "plain text", unit="text", position=position)
    examples = []
    for number, line in lines:
        text = line.lstrip(BYTE_ORDER_MARK)
        if not text.strip():
            summary.leave_out("blank, left out", number)
            continue
        try:
            examples.append(task.example(text))
        except ValueError as error:
            raise ValueError(f"{source}, {position} {number}: {error}") from None
    if not examples:
        raise ValueError(f"{source}: there is no text to answer{', only blank ones' if summary.left_out else ''}")
    summary.examples = len(examples)
    return examples, summary


def print_markup(text: str) -> None:
    """Print rich's markup: in colour in a terminal, elsewhere as plain text with its tabs."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal:
        console.print(text)
    else:
        print(Text.from_markup(text).plain)
