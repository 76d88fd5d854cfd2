"""Texts of a file for `embed`, and files of vectors."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.data.formats import Labelled
from albert_np.data.formats.lines import get_suffix, read_lines, require_examples
from albert_np.data.formats.summary import FileSummary
from albert_np.data.formats.tables import JSON_SUFFIXES, read_table
from albert_np.io.files import DataError, make_folder, write_whole
from albert_np.tasks.label_kinds import parse_number

TABLES = (".tsv", ".csv", *JSON_SUFFIXES)
VECTOR_FILES = (".npy", ".jsonl")
MATRIX_FILES = (".npy", ".csv", ".tsv")
STDIN = "-"


@dataclass
class Texts:
    """The texts of a file, all of them, in its order: row i of an array of vectors belongs to text i.

    positions   the number of each one's line, row or element: the one that `unit` names
    labels      as the file has them; None without a column of labels
    """

    texts: list[str]
    positions: list[int]
    unit: str
    summary: FileSummary
    labels: list[Any] | None = None

    def not_blank(self) -> list[int]:
        """Return the indices of the texts that are not blank: those that can be neighbours, or points of a map."""
        return [i for i, text in enumerate(self.texts) if text.strip()]


@dataclass
class ScoredPairs:
    """Pairs of texts with a human score each."""

    pairs: list[tuple[str, str]]
    scores: list[float]
    summary: FileSummary


def read_texts(path: str, stdin: Iterable[str], options: dict[str, Any], labelled: bool = False) -> Texts:
    """Return the texts of a .tsv, .csv, .json or .jsonl, or of the lines of any other file or, for "-", of standard input.

    A blank line is an empty text, so that lines and vectors correspond. options: of `read_table`; labelled: read the labels, too.
    ValueError that names the file, and options that do not fit it; DataError for the contents.
    """
    if path == STDIN or get_suffix(path) not in TABLES:
        if options:
            raise ValueError(f"{path}: columns are options of tables ({', '.join(TABLES)}), and this is read line by line")
        lines = enumerate(stdin, start=1) if path == STDIN else read_lines(path)
        return read_plain_lines("standard input" if path == STDIN else path, lines)
    if "pair" in options:
        raise ValueError(f"{path}: the option pair is for pairs that are compared with human scores: choose one column (text)")
    examples = read_table(path, pair="none", labelled=labelled, **options)
    labels = [example.label for example in examples] if labelled and "label" in examples.summary.columns else None
    unit, positions = examples.summary.position, list(range(1, len(examples) + 1))
    if "id" in examples.summary.columns:  # a column of the file: the examples do not have their lines
        unit = "row"
    else:
        positions = [int(example.id) for example in examples]
    return Texts([example.text for example in examples], positions, unit, examples.summary, labels)


def read_plain_lines(source: str, lines: Iterable[tuple[int, str]]) -> Texts:
    """Return each numbered line as a text. DataError if there is none, or if all are blank."""
    summary = FileSummary(source, "plain text", unit="text")
    texts, numbers = [], []
    for number, line in lines:
        if not line.strip():
            summary.note("blank, taken for empty texts", number)
        texts.append(line)
        numbers.append(number)
    if not any(map(str.strip, texts)):
        raise DataError(f"{source}: there is no text in it{', only blank lines' if texts else ''}")
    summary.examples = len(texts)
    return Texts(texts, numbers, "line", summary)


def read_scored_pairs(path: str, options: dict[str, Any]) -> ScoredPairs:
    """Return the pairs of a table with two texts and a score in each row. DataError that names the file and the row."""
    if path == STDIN:
        raise ValueError("pairs with scores are read from a file, not from standard input")
    examples = read_table(path, **options)
    columns = examples.summary.columns
    for role in ("pair", "label"):
        if role not in columns:
            found = f" (found: {', '.join(f'{key} = {name}' for key, name in columns.items())})"
            needed = "a second text" if role == "pair" else "a score"
            raise DataError(f"{path}: it has no column that is recognised as {needed}{found}: name it (option {role})")
    scored = [example for example in examples if example.label is not None]
    require_examples(path, scored)
    scores = [read_score(path, columns["label"], example) for example in scored]
    if len(scored) < 2:
        raise DataError(f"{path}: it has one pair with a score; a correlation needs two or more")
    examples.summary.examples, examples.summary.unit = len(scored), "pair"
    return ScoredPairs([(example.text, example.pair or "") for example in scored], scores, examples.summary)


def read_score(path: str, column: str, example: Labelled) -> float:
    try:
        return parse_number(example.label)
    except ValueError:
        raise DataError(f"{path}: {column!r} of the row {example.id} must be a number, not {example.label!r}") from None


def check_target(path: Path | None, suffixes: Sequence[str], name: str) -> None:
    """Raise ValueError unless a file of this name can be written. name: of the option."""
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{name}: expected the name of a file that ends in {' or '.join(suffixes)}, got {str(path)!r}")
    if path.is_dir():
        raise ValueError(f"{name}: {path} is a folder; expected the name of a file")


def check_not_input(source: str, targets: dict[str, Path | None]) -> None:
    """Raise ValueError if the file that is read would be overwritten. targets: of the options, by their names."""
    for name, path in targets.items():
        if path is not None and path.exists() and Path(source).exists() and path.samefile(source):
            raise ValueError(f"{name}: {path} is the file that is read; choose another name")


def write_vectors(path: Path, vectors: np.ndarray, texts: Sequence[str]) -> None:
    """Write vectors (n, H) whole or not at all: .npy, or .jsonl with {"text", "vector"} on each line."""
    make_folder(path.parent)
    if path.suffix.lower() == ".npy":
        write_whole(path, lambda temporary: _save_npy(temporary, vectors))
    else:
        write_whole(path, lambda temporary: _save_lines(temporary, map(as_json_line, texts, vectors)))


def write_matrix(path: Path, matrix: np.ndarray) -> None:
    """Write a matrix whole or not at all: .npy, .csv or .tsv."""
    make_folder(path.parent)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        write_whole(path, lambda temporary: _save_npy(temporary, matrix))
    else:
        mark = "," if suffix == ".csv" else "\t"
        write_whole(path, lambda temporary: _save_lines(temporary, (mark.join(f"{x:.6f}" for x in row) for row in matrix)))


def as_json_line(text: str, vector: np.ndarray) -> str:
    return json.dumps({"text": text, "vector": as_numbers(vector)}, ensure_ascii=False, allow_nan=False)


def as_numbers(vector: np.ndarray) -> list[float]:
    """Return a vector as Python numbers with the digits that its dtype has, from which it can be restored exactly."""
    return vector.tolist() if vector.dtype == np.float64 else [float(f"{x:.9g}") for x in vector.tolist()]


def _save_npy(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:  # np.save adds a suffix to a path
        np.save(file, array)


def _save_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
