"""Texts with labels, in tables: .tsv, .csv, and .jsonl with one object per line. GLUE's files can be read as they are."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.lines import (
    FilePath,
    UniqueIds,
    get_suffix,
    parse_json,
    read_json_lines,
    read_lines,
    read_text,
    require_examples,
)

# The usual names of columns; the first one that a table has is used.
TEXT = "text sentence sentence1 premise question1 question review content".split()
PAIR = "text_pair pair sentence2 hypothesis question2".split()
LABEL = "label labels gold_label score class category target".split()
ID = "id idx index guid".split()


@dataclass(frozen=True)
class Labelled:
    """A text, or a pair of texts. label: as in the file, a list if there may be several, None if there is none."""

    text: str
    pair: str | None = None
    label: Any = None
    id: str = ""


Row = tuple[int, dict[str, Any]]


def read_table(
    path: FilePath, text: str | None = None, pair: str | None = None, label: str | None = None, several: bool = False
) -> list[Labelled]:
    """Return the examples of a table.

    text, pair, label   columns by name, or by number from 1; by default columns with a usual name. A table without a header needs
                        none if it has the four columns of CoLA (source, label, mark, sentence), or two, text and label: the label
                        is then the column with fewer different values
    several             the labels in a field of a .tsv or .csv are separated by "|"

    A .tsv has no quoting (quotes in GLUE's files are text), a .csv has.

    ValueError that names the file and the line; FileNotFoundError.
    """
    rows = read_json_rows(path) if get_suffix(path) in (".jsonl", ".json") else read_table_rows(path, [text, pair, label])
    require_examples(path, rows)
    columns = list(rows[0][1])
    requested = {"text": (text, TEXT), "pair": (pair, PAIR), "label": (label, LABEL), "id": (None, ID)}
    chosen = {role: find_column(path, columns, given, usual) for role, (given, usual) in requested.items()}
    if chosen["text"] is None:
        raise ValueError(
            f"{path}: none of its columns {', '.join(map(repr, columns))} has a known name for the text ({', '.join(TEXT)}); "
            "name the columns"
        )
    ids, examples = UniqueIds(path), []
    for number, row in rows:
        values = {role: None if name is None else row.get(name) for role, name in chosen.items()}
        name = str(number) if values["id"] is None else str(values["id"])
        if values["id"] is not None:
            ids.add(name, number)
        for role in ("text", "pair"):
            if chosen[role] is not None and not isinstance(values[role], str):
                raise ValueError(f"{path}:{number}: {chosen[role]!r} must be a text, not {values[role]!r}")
        cleaned = clean_label(values["label"], several, f"{path}:{number}")
        examples.append(Labelled(values["text"], values["pair"], cleaned, name))  # type: ignore[arg-type]
    return examples


def find_column(path: FilePath, columns: Sequence[str], given: str | None, usual: Sequence[str]) -> str | None:
    """Return the column with the given name or number, or by default the first with a usual name; None if there is none."""
    if given is None:
        return next((c for name in usual for c in columns if c.lower().strip() == name), None)
    if given in columns:
        return given
    if str(given).isdecimal() and 1 <= int(given) <= len(columns):
        return columns[int(given) - 1]
    raise ValueError(f"{path}: there is no column {given!r}; there are {', '.join(map(repr, columns))}")


def clean_label(label: Any, several: bool, position: str) -> Any:
    """Return a label: text without spaces around it, a number, or a list of texts. ValueError for anything else."""
    if isinstance(label, str):
        label = label.strip()
        return [part.strip() for part in label.split("|") if part.strip()] if several else label
    if isinstance(label, list) and all(isinstance(part, str | int) for part in label):
        return [str(part) for part in label]
    if label is None or (isinstance(label, int | float) and label == label and abs(label) != float("inf")):
        return label
    raise ValueError(f"{position}: a label must be a text, a number or a list of texts, not {label!r}")


def read_json_rows(path: FilePath) -> list[Row]:
    """Return the objects of a file with one object per line (or of a file that is one list)."""
    text = read_text(path)
    values = list(enumerate(parse_json(path, text), start=1)) if text.lstrip()[:1] == "[" else read_json_lines(path)
    for number, value in values:
        if not isinstance(value, dict):
            raise ValueError(f"{path}:{number}: expected a JSON object, got {str(value)[:40]!r}")
    keys = {key: None for _, value in values for key in value}  # a key that only some objects have is a column of all
    return [(number, {**keys, **value}) for number, value in values]


def read_table_rows(path: FilePath, given: Sequence[str | None]) -> list[Row]:
    """Return the rows of a .tsv or .csv by the names of its columns.

    Without a header the columns are called "1", "2", ... if some are given by number, else as `guess_columns` has it.
    """
    if get_suffix(path) == ".csv":
        reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
        try:
            cells = [(reader.line_num, row) for row in reader if row]
        except csv.Error as error:
            raise ValueError(f"{path}:{reader.line_num}: it is not valid CSV: {error}") from None
    else:
        cells = [(number, line.split("\t")) for number, line in read_lines(path) if line.strip()]
    if not cells:
        return []
    first = [cell.strip() for cell in cells[0][1]]
    usual = {*TEXT, *PAIR, *LABEL, *ID}
    header = len(set(first)) == len(first) and (
        any(cell.lower() in usual for cell in first) or any(name in first for name in given if name and not name.isdecimal())
    )
    width = len(first)
    for number, row in cells:
        if len(row) != width:
            raise ValueError(f"{path}:{number}: expected {width} columns, as in line {cells[0][0]}, got {len(row)}")
    if header:
        return [(number, dict(zip(first, row))) for number, row in cells[1:]]
    names = [str(i + 1) for i in range(width)] if any(given) else guess_columns(path, [row for _, row in cells])
    return [(number, dict(zip(names, row))) for number, row in cells]


def guess_columns(path: FilePath, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return names for the columns of a table without a header. ValueError if they cannot be guessed."""
    if len(rows[0]) == 4 and all(row[1] in ("0", "1") and not any(map(str.isalnum, row[2])) for row in rows):
        return ["source", "label", "mark", "text"]
    if len(rows[0]) == 1:
        return ["text"]
    if len(rows[0]) == 2:
        different = [len({row[i] for row in rows}) for i in (0, 1)]
        return ["label", "text"] if different[0] < different[1] else ["text", "label"]
    raise ValueError(f"{path}: it has {len(rows[0])} columns and no header with a known name; name the columns, by number from 1")
