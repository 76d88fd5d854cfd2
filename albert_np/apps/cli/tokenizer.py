"""albert-np tokenizer train: train a vocabulary on text files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albert_np.apps.cli.common import (
    AccentsOption,
    JsonOption,
    LowerCaseOption,
    QuietOption,
    announce_interrupt,
    make_report,
    print_json,
)

if TYPE_CHECKING:
    from albert_np.text import AlbertTokenizer, Tokenizer
    from albert_np.text.coverage import Coverage


def train(
    files: Annotated[list[Path], typer.Argument(help="Text files in UTF-8, also .gz and .xz.", metavar="FILES...")],
    out: Annotated[Path, typer.Option("--out", help="The folder for spiece.model and tokenizer_config.json.")],
    vocab_size: Annotated[int, typer.Option("--vocab-size", help="Number of pieces, including the special ones.")] = 8000,
    lower_case: LowerCaseOption = None,
    strip_accents: AccentsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a SentencePiece vocabulary with ALBERT's settings: lower-cased, without accents, unless they are to be kept.

    Example: albert-np tokenizer train book.txt --out vocabulary --vocab-size 4000
    """
    from albert_np.text.coverage import describe_normaliser

    check_folder(out)
    report = make_report(quiet or as_json)
    tokenizer = train_and_save(files, out, vocab_size, lower_case is not False, strip_accents is False)
    normaliser = describe_normaliser(tokenizer.do_lower_case, tokenizer.keep_accents)
    if as_json:
        kept = {"lower_case": tokenizer.do_lower_case, "keep_accents": tokenizer.keep_accents}
        coverage = measure_coverage(tokenizer, files).to_dict()
        print_json({"out": str(out), "vocab_size": tokenizer.vocab_size, **kept, **coverage})
    elif not quiet:
        note_coverage(tokenizer, files, report.note)
        print(f"{out}: a vocabulary of {tokenizer.vocab_size} pieces, {normaliser}")


def check_folder(out: Path) -> None:
    """Raise if the name is that of a file, or if the folder holds a model, whose vocabulary would be replaced."""
    if out.suffix == ".model" and not out.exists():
        raise typer.BadParameter(f"{out}: --out is the name of a folder, for spiece.model and tokenizer_config.json")
    if found := [name for name in ("config.json", "model.safetensors", "checkpoints") if (out / name).exists()]:
        raise FileExistsError(f"{out} holds a model ({found[0]}), which goes with the vocabulary there: choose another --out")


def train_and_save(
    files: list[Path], out: Path, vocab_size: int, lower_case: bool = True, keep_accents: bool = False
) -> "AlbertTokenizer":
    """Train a tokenizer on the lines of these files, save it in `out`, and return it."""
    from albert_np.data.documents import check_text_file
    from albert_np.io.files import make_folder
    from albert_np.text import AlbertTokenizer, train_tokenizer
    from albert_np.text.train import load_library

    for file in files:
        check_text_file(file)
    load_library()  # raises before there is a folder
    make_folder(out)
    switches = {"do_lower_case": lower_case, "keep_accents": keep_accents}
    with announce_interrupt("interrupted; SentencePiece completes its work first"):
        train_tokenizer(_read_lines(files), out / "spiece.model", vocab_size, **switches)
    tokenizer = AlbertTokenizer(out / "spiece.model", **switches)
    tokenizer.save_pretrained(out)
    return tokenizer


def measure_coverage(tokenizer: "Tokenizer", files: list[Path]) -> "Coverage":
    """Count the characters of the files, or of a sample of them, that the tokenizer does not keep."""
    from albert_np.data.text_sample import sample_text
    from albert_np.text.coverage import Coverage

    return Coverage.measure(tokenizer, *sample_text(files))


def note_coverage(
    tokenizer: "Tokenizer", files: list[Path], note: Callable[[str], None], advice: str = "keep them with --keep-accents"
) -> None:
    """Report what the tokenizer does not keep of the files, if there is anything."""
    for line in measure_coverage(tokenizer, files).describe(advice):
        note(line)


def _read_lines(files: list[Path]) -> Iterator[str]:
    from albert_np.data.documents import TextFile

    for file in files:
        yield from (line for line in TextFile(file).lines() if line.strip())
