"""albert-np ask: a question about a document, or a small conversation about it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli.common import BackendOption, JsonOption, QuietOption, give

PROMPT = "? "


def ask(
    question: Annotated[
        str | None, typer.Argument(help="The question; without one you are asked for questions until an empty line.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Required: a model that `finetune question-answering` trained.")] = "",
    context: Annotated[Path, typer.Option("--context", help="Required: the document, a text file; it may be long.")] = Path(),
    n_best: Annotated[int, typer.Option("--n-best", min=1, help="How many answers to show.")] = 1,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer questions from a document, with the document's own words and nothing else.

    The answer is shown in its sentence, with the probability that the model gives it among its best answers.

    Example: albert-np ask --model runs/squad --context article.txt "Who wrote it?"
    """
    if not model:
        raise typer.BadParameter("Missing option '--model'.")
    if context == Path():
        raise typer.BadParameter("Missing option '--context'.")
    from albert_np.apps.cli.finetune import opened
    from albert_np.data.formats.lines import read_text

    text = read_text(context)
    if not text.strip():
        raise ValueError(f"{context}: there is no text in it")
    trained = opened(model, "question-answering", backend)
    if question is not None:
        if not question.strip():
            raise ValueError("the question is empty")
        reply(trained, question, text, n_best, as_json)
        return
    if sys.stdin.isatty() and not quiet:
        print(f"{context}: {len(text.split()):,} words. Ask about it; an empty line ends.")
    while (line := next_question()) is not None:
        reply(trained, line, text, n_best, as_json)


def next_question() -> str | None:
    """The next line that somebody types; None at the end of the input, and for an empty line."""
    try:
        line = input(PROMPT if sys.stdin.isatty() else "")
    except EOFError:
        return None
    return line if line.strip() else None


def reply(trained: Any, question: str, text: str, n_best: int, as_json: bool) -> None:
    """Answer one question about the text."""
    from albert_np.apps.cli.finetune import show
    from albert_np.data.formats import Question

    example = Question("1", question, text)
    trained.task.options["n_best"] = max(n_best, 1)
    (answer,) = trained.task.answers(trained.model, trained.tokenizer, [example])
    if as_json:
        give(trained.task.as_json(example, answer))
        return
    for own in answer["n_best"]:
        lines = trained.task.show(example, {**answer, **own}).split("\n")
        show("\n".join(lines[1:]))
