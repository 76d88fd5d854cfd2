"""albert-np tokenizer train: train a vocabulary on text files."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albert_np.apps.cli.common import JsonOption, QuietOption, announce_interrupt, print_json

if TYPE_CHECKING:
    from albert_np.text import AlbertTokenizer


def train(
    files: Annotated[list[Path], typer.Argument(help="Text files in UTF-8, also .gz and .xz.", metavar="FILES...")],
    out: Annotated[Path, typer.Option("--out", help="The folder for spiece.model and tokenizer_config.json.")],
    vocab_size: Annotated[int, typer.Option("--vocab-size", help="Number of pieces, including the special ones.")] = 8000,
    lower_case: Annotated[bool, typer.Option("--lower-case/--cased", help="Lower-case all text.")] = True,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a SentencePiece vocabulary with ALBERT's settings.

    Example: albert-np tokenizer train book.txt --out vocabulary --vocab-size 4000
    """
    tokenizer = train_and_save(files, out, vocab_size, lower_case)
    if as_json:
        print_json({"out": str(out), "vocab_size": tokenizer.vocab_size})
    elif not quiet:
        print(f"{out}: a vocabulary of {tokenizer.vocab_size} pieces")


def train_and_save(files: list[Path], out: Path, vocab_size: int, lower_case: bool = True) -> "AlbertTokenizer":
    """Train a tokenizer on the lines of these files, save it in `out`, and return it."""
    from albert_np.data.documents import check_text_file
    from albert_np.io.files import make_folder
    from albert_np.text import AlbertTokenizer, train_tokenizer

    for file in files:
        check_text_file(file)
    make_folder(out)
    with announce_interrupt("interrupted; SentencePiece completes its work first"):
        train_tokenizer(_read_lines(files), out / "spiece.model", vocab_size, do_lower_case=lower_case)
    tokenizer = AlbertTokenizer(out / "spiece.model", do_lower_case=lower_case)
    tokenizer.save_pretrained(out)
    return tokenizer


def _read_lines(files: list[Path]) -> Iterator[str]:
    from albert_np.data.documents import TextFile

    for file in files:
        yield from (line for line in TextFile(file).lines() if line.strip())
