"""albert-np ask: one question about a document, or several in a row."""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albert_np.apps.cli.common import BackendOption, JsonOption, QuietOption, print_json, print_products
from albert_np.apps.cli.streams import BYTE_ORDER_MARK, decode_argument, is_terminal, read_stdin
from albert_np.apps.cli.trained import load_trained
from albert_np.data.formats.summary import count_noun
from albert_np.io.files import DataError

if TYPE_CHECKING:
    from albert_np.tasks.trained import Trained

PROMPT = "? "


def ask(
    question: Annotated[
        str | None, typer.Argument(help="The question; without one, questions are read until an empty line.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Required: a model that `finetune question-answering` trained.")] = "",
    context: Annotated[Path | None, typer.Option("--context", help="Required: the document, a text file of any length.")] = None,
    n_best: Annotated[int, typer.Option("--n-best", min=1, help="Number of answers to show.")] = 1,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer questions from a document; each answer is a passage of it.

    Each answer is printed with the probability that the model gives it among its best ones, and below it in its sentence.

    Example: albert-np ask --model runs/squad --context article.txt "Who wrote it?"
    """
    if not model:
        raise typer.BadParameter("Missing option '--model': a model that `finetune question-answering` trained.")
    if context is None:
        raise typer.BadParameter("Missing option '--context': the document, a text file of any length.")
    from albert_np.data.formats.lines import read_text

    text = read_text(context)
    if not text.strip():
        raise DataError(f"{context}: there is no text in it")
    trained = load_trained(model, "question-answering", backend)
    trained.model.prepare()
    if question is not None:
        question = decode_argument(question, "QUESTION")
        if not question.strip():
            raise ValueError("the question is empty")
        print_answer(trained, question, text, n_best, as_json)
        print_products(quiet or as_json)
        return
    if is_terminal(sys.stdin) and not quiet:
        print(f"{context}: {count_noun(len(text.split()), 'word')}. Type your questions; an empty line ends.")
    for line in read_questions():
        print_answer(trained, line, text, n_best, as_json)
    print_products(quiet or as_json)


def read_questions() -> Iterator[str]:
    """Yield the lines of stdin up to an empty one, without byte order marks; in a terminal, after a prompt."""
    lines = iter(lambda: input(PROMPT), "") if is_terminal(sys.stdin) else read_stdin()
    with contextlib.suppress(EOFError):
        yield from itertools.takewhile(str.strip, (line.lstrip(BYTE_ORDER_MARK) for line in lines))


def print_answer(trained: "Trained", question: str, text: str, n_best: int, as_json: bool) -> None:
    """Answer one question about the text and print the best answers."""
    from albert_np.apps.cli.answers import print_markup
    from albert_np.data.formats import Question

    example = Question("1", question, text)
    trained.task.options["n_best"] = max(n_best, 1)
    (answer,) = trained.task.answers(trained.model, trained.tokenizer, [example])
    if as_json:
        print_json(trained.task.as_json(example, answer))
        return
    for candidate in answer["n_best"]:
        lines = trained.task.show(example, {**answer, **candidate}).split("\n")
        print_markup("\n".join(lines[1:]))
