"""albert-np inspect: attention, hidden states and fillings layer by layer, printed, drawn, and as a page."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albert_np.apps.cli.common import (
    BackendOption,
    JsonOption,
    ModelOption,
    QuietOption,
    option,
    print_doubts,
    print_json,
    print_message,
    print_note,
    use_backend,
)
from albert_np.apps.cli.streams import decode_argument, is_terminal, read_stdin
from albert_np.pretrained import DEFAULT

if TYPE_CHECKING:
    from albert_np.apps.inspect import Inspection

FOLDER = Path("inspect")


def inspect(
    text: Annotated[str | None, typer.Argument(help="A text, with or without [MASK]; by default standard input.")] = None,
    pair: Annotated[str | None, option("--pair", "A second text: [CLS] text [SEP] pair [SEP].", "Options", "TEXT")] = None,
    model: ModelOption = None,
    out: Annotated[
        Path | None,
        option(
            "--out",
            f"The folder for inspect.html, attention.png, hidden.png and inspect.json [{FOLDER}; with --json none]",
            "Options",
            "FOLDER",
        ),
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="Number of tokens for each filling.")] = 5,
    special: Annotated[
        bool,
        typer.Option(
            "--special-tokens/--no-special-tokens", help="Show [CLS] and [SEP], or leave them out of tables and pictures."
        ),
    ] = True,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show how a model reads a text: whom each attention head looks at, and how the fillings of [MASK] change layer by layer.

    It prints a summary, and writes a page that answers the mouse (inspect.html), two pictures and the numbers.

    Example: albert-np inspect "The doctor told me to [MASK] more water."
    """
    from albert_np.apps.inspect.forward import load, run

    use_backend(backend)
    text = read_text(quiet) if text is None else decode_argument(text, "TEXT")
    pair = None if pair is None else decode_argument(pair, "--pair")
    path = DEFAULT if model is None else model
    folder = out if out is not None or as_json else FOLDER
    check_folder(folder)
    network, tokenizer = load(path)
    seen = run(network, tokenizer, path, text, pair, top_k, special)
    files = [] if folder is None else write(folder, seen)
    if not (quiet or as_json):
        print_doubts(model, tokenizer, text, pair)
        print(seen.summary())
    if as_json:
        print_json({**seen.as_json(), **({"files": [str(file) for file in files]} if files else {})})
    elif files and not quiet:
        print(f"\n{', '.join(str(file) for file in files)}")


def read_text(quiet: bool) -> str:
    """Return standard input as one text."""
    if not quiet and is_terminal(sys.stdin):
        print_message("Type a text; Ctrl-D ends.")
    text = "\n".join(read_stdin())
    if not text.strip():
        raise typer.BadParameter("there is no text on standard input; give it as TEXT, or send it through a pipe")
    return text.strip()


def check_folder(folder: Path | None) -> None:
    """Raise BadParameter if a file is in the place of the folder, or the name is that of a file to be written."""
    if folder is None or folder.is_dir():
        return
    if folder.exists():
        raise typer.BadParameter(f"{folder} is a file; --out needs a folder")
    if folder.suffix in (".html", ".png", ".json"):
        raise typer.BadParameter(
            f"{folder}: --out is the name of a folder, in which inspect.html, two pictures and inspect.json are put"
        )


def write(folder: Path, seen: "Inspection") -> list[Path]:
    """Write the page, the numbers and the pictures, each whole or not at all, and return the paths of those written."""
    from albert_np.apps.inspect.summary import MOST_NUMBERS
    from albert_np.io.files import make_folder, write_figures, write_whole

    make_folder(folder)
    page, values = folder / "inspect.html", folder / "inspect.json"
    write_whole(page, lambda temporary: temporary.write_text(seen.page(), encoding="utf-8"))
    write_whole(values, lambda temporary: temporary.write_text(to_text(seen), encoding="utf-8"))
    if seen.attentions.size > MOST_NUMBERS:
        print_note(
            f"{values} has no attention weights, since there are {seen.attentions.size:,}; `attentions` in Python has them"
        )
    pictures = write_figures(folder, lambda: {"attention": seen.figure(), "hidden": seen.hidden_figure()})
    return [page, *pictures, values]


def to_text(seen: "Inspection") -> str:
    """Return inspect.json, with one entry on each line: indented weights would have a line for each number."""
    entries = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in seen.as_json().items())
    return "{\n" + ",\n".join(entries) + "\n}\n"
