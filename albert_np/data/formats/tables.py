"""Texts with labels, in tables: .tsv, .csv, and .jsonl with an object a line. GLUE's files can be read as they are."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.lines import Ids, kind_of, parsed, read_lines, read_text, some

# What columns are called, the first that is there counts.
TEXT = "text sentence sentence1 premise question1 question review content".split()
PAIR = "text_pair pair sentence2 hypothesis question2".split()
LABEL = "label labels gold_label score class category target".split()
ID = "id idx index guid".split()


@dataclass(frozen=True)
class Labelled:
    """A text, or a pair of texts. label: as it stands in the file, a list where there may be several; None: there is none."""

    text: str
    pair: str | None = None
    label: Any = None
    id: str = ""


Row = tuple[int, dict[str, Any]]


def read_table(
    path: Any, text: str | None = None, pair: str | None = None, label: str | None = None, several: bool = False
) -> list[Labelled]:
    """The examples of a table.

    text, pair, label: columns by name, or by number from 1. Without them the usual names are looked for. A table without a
    header is understood without them if it has CoLA's four columns (source, label, mark, sentence), or two, text and label: the
    label is then the one with fewer different values. several: the labels of a .tsv or .csv field are separated by "|".

    A .tsv has no quoting (quotes in GLUE's files are text), a .csv has.

    ValueError that names the file and the line; FileNotFoundError.
    """
    rows = json_rows(path) if kind_of(path) in (".jsonl", ".json") else table_rows(path, [text, pair, label])
    some(path, rows)
    columns = list(rows[0][1])
    wanted = {"text": (text, TEXT), "pair": (pair, PAIR), "label": (label, LABEL), "id": (None, ID)}
    chosen = {what: column(path, columns, given, names) for what, (given, names) in wanted.items()}
    if chosen["text"] is None:
        raise ValueError(
            f"{path}: none of its columns {', '.join(map(repr, columns))} has a known name for the text ({', '.join(TEXT)}); "
            "name the columns"
        )
    ids, found = Ids(path), []
    for number, row in rows:
        values = {what: None if name is None else row.get(name) for what, name in chosen.items()}
        name = str(number) if values["id"] is None else str(values["id"])
        if values["id"] is not None:
            ids.add(name, number)
        for what in ("text", "pair"):
            if chosen[what] is not None and not isinstance(values[what], str):
                raise ValueError(f"{path}:{number}: {chosen[what]!r} must be a text, not {values[what]!r}")
        found.append(Labelled(values["text"], values["pair"], cleaned(values["label"], several, f"{path}:{number}"), name))  # type: ignore[arg-type]
    return found


def column(path: Any, columns: list[str], given: str | None, names: list[str]) -> str | None:
    """The column that is meant: by its name, its number, or a usual name. None: there is none."""
    if given is None:
        return next((c for name in names for c in columns if c.lower().strip() == name), None)
    if given in columns:
        return given
    if str(given).isdecimal() and 1 <= int(given) <= len(columns):
        return columns[int(given) - 1]
    raise ValueError(f"{path}: there is no column {given!r}; there are {', '.join(map(repr, columns))}")


def cleaned(label: Any, several: bool, place: str) -> Any:
    """A label as it is meant: text without blanks around it, a number, a list of texts."""
    if isinstance(label, str):
        label = label.strip()
        return [part.strip() for part in label.split("|") if part.strip()] if several else label
    if isinstance(label, list) and all(isinstance(part, str | int) for part in label):
        return [str(part) for part in label]
    if label is None or (isinstance(label, int | float) and label == label and abs(label) != float("inf")):
        return label
    raise ValueError(f"{place}: a label must be a text, a number or a list of texts, not {label!r}")


def json_rows(path: Any) -> list[Row]:
    """The objects of a file with one a line (or of a file that is one list)."""
    if read_text(path).lstrip()[:1] == "[":
        values = list(enumerate(parsed(path, read_text(path)), start=1))
    else:
        values = [(number, parsed(path, line, number)) for number, line in read_lines(path) if line.strip()]
    for number, value in values:
        if not isinstance(value, dict):
            raise ValueError(f"{path}:{number}: expected a JSON object, got {str(value)[:40]!r}")
    if values:  # a key that only some objects have is a column of all
        keys = {key: None for _, value in values for key in value}
        values = [(number, {**keys, **value}) for number, value in values]
    return values


def table_rows(path: Any, given: list[str | None]) -> list[Row]:
    """The rows of a .tsv or .csv by the names of its columns; without a header they are called "1", "2", ... or as they are
    recognised."""
    if kind_of(path) == ".csv":
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
    known = {*TEXT, *PAIR, *LABEL, *ID}
    header = len(set(first)) == len(first) and (
        any(cell.lower() in known for cell in first) or any(name in first for name in given if name and not name.isdecimal())
    )
    width = len(first)
    for number, row in cells:
        if len(row) != width:
            raise ValueError(f"{path}:{number}: expected {width} columns, as in line {cells[0][0]}, got {len(row)}")
    if header:
        return [(number, dict(zip(first, row))) for number, row in cells[1:]]
    names = [str(i + 1) for i in range(width)] if any(given) else recognised(path, cells)
    return [(number, dict(zip(names, row))) for number, row in cells]


def recognised(path: Any, cells: list[tuple[int, list[str]]]) -> list[str]:
    """Names for the columns of a table without a header."""
    rows = [row for _, row in cells]
    if len(rows[0]) == 4 and all(row[1] in ("0", "1") and not any(map(str.isalnum, row[2])) for row in rows):
        return ["source", "label", "mark", "text"]
    if len(rows[0]) == 1:
        return ["text"]
    if len(rows[0]) == 2:
        different = [len({row[i] for row in rows}) for i in (0, 1)]
        return ["label", "text"] if different[0] < different[1] else ["text", "label"]
    raise ValueError(f"{path}: it has {len(rows[0])} columns and no header with a known name; name the columns, by number from 1")
