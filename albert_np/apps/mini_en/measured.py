"""Measure several models at the command line and store what was found, for fill_blanks.py and held_out_loss.py."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from albert_np.io.files import read_json, write_json


def make_parser(doc: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that both programs have; doc: the docstring of the program."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--out", type=Path, help="a JSON file, to which the results are added under the models' names")
    return parser


def measure_each(models: list[str], out: Path | None, measure: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    """Yield (model, measure(model)) of each; afterwards the result is in the JSON file `out`, with those that it had."""
    results = read_json(out) if out and out.exists() else {}
    for model in models:
        results[model] = measure(model)
        yield model, results[model]
        if out:
            write_json(out, results)


def run(main: Callable[[], None]) -> None:
    """Run a program; wrong arguments and damaged files end it with one line and exit code 1."""
    try:
        main()
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None
