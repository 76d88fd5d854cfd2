"""Sentences with their translations: two files line by line, or one table or JSON file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.data.formats.languages import get_file_languages, get_language
from albert_np.data.formats.lines import FilePath, get_suffix, read_lines, require_examples
from albert_np.data.formats.objects import JSON, is_json, shorten_position
from albert_np.data.formats.parallel_columns import NONE, Rows
from albert_np.data.formats.parallel_json import read_json_pairs
from albert_np.data.formats.parallel_table import Form, read_table_pairs
from albert_np.data.formats.summary import Examples, FileSummary

EMPTY = ("refuse", "skip")  # pairs of which one side is empty
TWO_FILES = "two files, line by line"
OTHER_FORMATS = (".tmx", ".xliff", ".xlf", ".xml", ".sgm")


@dataclass(frozen=True)
class Translated:
    """A sentence. target: its translation, None if there is none."""

    source: str
    target: str | None = None


def read_parallel(
    path: FilePath,
    source: str | None = None,
    target: str | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    quotes: bool | None = None,
    empty: str = "refuse",
    languages: Sequence[str | None] | None = None,
    labelled: bool = True,
) -> "Examples[Translated]":
    """Return the sentence pairs of "source,target" (two files, one sentence per line), or of one file.

    source, target   columns of a table or keys of JSON objects, by name or by number from 1. By default those with a usual name
                     ("source" and "target", "src" and "tgt", ...), or else the only two that are named after languages: the one
                     that comes first in the first example is the source, in all examples
    header           whether the first line of a table names its columns; None: whether it looks like it
    delimiter        of a table: "tab", "comma", "semicolon", "pipe" or a character; None: a tab, in a .csv the first that divides
                     all rows alike
    quotes           whether cells may stand in quotation marks; None: in a .csv
    empty            "refuse" or "skip" pairs of which one side is empty
    languages        the names of source and target in the training examples: used if the file has them
    labelled         False: only sources are read, as from a file to translate; there may be no targets

    One file may be .tsv or .csv, or .json or .jsonl with objects ({"source": ..., "target": ...}, {"en": ..., "de": ...}, or
    these under "translation"). Any other file holds sources alone, one per line, unless a delimiter is given or every line has a
    tab: it is then read like a .tsv.

    Pairs of which both sides are empty are left out. ValueError that names the file and the line; FileNotFoundError.
    """
    if empty not in EMPTY:
        raise ValueError(f"empty must be one of {', '.join(EMPTY)}, not {empty!r}")
    summary = FileSummary(str(path), unit="pair")
    halves = None if Path(path).exists() else split_path(str(path))
    given, known = (source, target), languages or NONE
    if halves is not None:
        rows = read_two_files(*halves, [name or other for name, other in zip(given, known)], summary)
    elif is_json(path):
        rows = read_json_pairs(path, given, known, labelled, summary)
    elif get_suffix(path) in OTHER_FORMATS:
        raise ValueError(f"{path}: {get_suffix(path)} is not read; convert it into two files, a .tsv or a .jsonl")
    elif get_suffix(path) in (".tsv", ".csv") or delimiter is not None or has_tabs(path):
        rows = read_table_pairs(path, given, Form(header, delimiter, quotes, labelled), known, summary)
    else:
        rows = read_sources(path, summary)
    if not labelled:
        rows = [(position, text, None) for position, text, _ in rows]
    pairs = make_pairs(str(path) if halves is None else halves[0], rows, empty, summary)
    if labelled and not any(pair.target for pair in pairs):
        summary.format += ", no translations"
    return Examples(require_examples(path, pairs), summary)


def make_pairs(path: str, rows: Rows, empty: str, summary: FileSummary) -> list[Translated]:
    """Return the pairs of (position, source, target or None), without those that are empty.

    ValueError that names the position if one side is empty, unless `empty` is "skip".
    """
    translated = any(target for *_, target in rows)
    pairs = []
    for position, source, target in rows:
        if not source and not target:
            summary.leave_out("left out, empty", shorten_position(path, position))
        elif translated and not (source and target):
            side, other = ("source", "target") if not source else ("target", "source")
            if empty == "refuse":
                raise ValueError(f"{position}: the {side} is empty, and the {other} is not; the option empty=skip leaves it out")
            summary.leave_out(f"left out, the {side} empty", shorten_position(path, position))
        else:
            pairs.append(Translated(source, target or None))
    if not translated:
        summary.unit = "sentence"
        summary.columns.pop("target", None)
    copies = sum(pair.source == pair.target for pair in pairs)
    if copies > 1 and 2 * copies > len(pairs):
        summary.warn(f"source and target are the same text in {copies:,} of {len(pairs):,} pairs")
    return pairs


def get_languages(examples: Sequence[Translated]) -> list[str] | None:
    """Return the languages of source and target, as the columns of the examples' file or the suffixes of two files name them."""
    if not isinstance(examples, Examples):
        return None
    names = list(examples.summary.columns.values())
    if examples.summary.format == TWO_FILES:
        return get_file_languages(names) if len(names) == 2 else None
    return names if len(names) == 2 and all(map(get_language, names)) else None


# ---- two files, or one of sources ----


def split_path(path: str) -> tuple[str, str] | None:
    """Return the two files of "source,target"; None if there is no comma. A comma may also be a part of their names.

    FileNotFoundError if no comma divides the text into two files, ValueError if several do.
    """
    parts = path.split(",")
    halves = [(",".join(parts[:i]), ",".join(parts[i:])) for i in range(1, len(parts))]
    halves = [(a, b if Path(b).exists() else b.strip()) for a, b in halves]
    found = [pair for pair in halves if all(Path(half).exists() for half in pair)]
    if len(found) > 1:
        raise ValueError(f"{path}: two files can be read from it in several ways: {' or '.join(map(repr, found))}; rename one")
    if halves and not found:
        missing = [[half for half in pair if not Path(half).exists()] for pair in halves]
        fewest = min(map(len, missing))
        absent = " or ".join(" and ".join(map(repr, each)) for each in missing if len(each) == fewest)
        raise FileNotFoundError(f"{path}: there is no such file; divided into two by a comma, it lacks {absent}")
    return found[0] if found else None


def read_two_files(first: str, second: str, names: Sequence[str | None], summary: FileSummary) -> Rows:
    """Return the pairs of a file of sources and a file of translations, line by line. names: the expected languages."""
    for path in (first, second):
        if get_suffix(path) in JSON:
            raise ValueError(f"{path}: of two files, each must hold one sentence per line; a JSON file is read alone")
    sources, targets = list(read_lines(first)), list(read_lines(second))
    shorter = min(len(sources), len(targets))
    if any(line.strip() for _, line in [*sources[shorter:], *targets[shorter:]]):
        raise ValueError(
            f"{first} has {len(sources)} lines, and {second} has {len(targets)}: line by line they must be translations"
        )
    summary.format, summary.options = TWO_FILES, ["empty"]
    summary.columns = {"source": first, "target": second}
    found = get_file_languages((first, second))
    expected = [get_language(name or "") for name in names]
    if found is not None and [get_language(name) for name in reversed(found)] == expected:
        summary.warn(f"the files end in .{found[0]} and .{found[1]}, but the source is {names[0]}, and the target is {names[1]}")
    if Path(first).samefile(second):
        summary.warn("both files are the same")
    return [(f"{first}:{number}", a.strip(), b.strip()) for (number, a), (_, b) in zip(sources, targets)]


def has_tabs(path: FilePath) -> bool:
    """Return whether every line of a file that is not empty has a tab."""
    if not Path(path).is_file():  # a pipe can be read only once
        return False
    lines = [line for _, line in read_lines(path) if line.strip()]
    return bool(lines) and all("\t" in line for line in lines)


def read_sources(path: FilePath, summary: FileSummary) -> list[tuple[str, str, Any]]:
    """Return the lines of a file of sources."""
    summary.format, summary.options = "one sentence per line", []
    lines = [(number, line.strip()) for number, line in read_lines(path)]
    tabs = sum("\t" in line for _, line in lines)
    if tabs:
        summary.warn(f"{tabs:,} of {len(lines):,} lines have tabs, the others none: each line is read as one sentence")
    return [(f"{path}:{number}", line, None) for number, line in lines]
