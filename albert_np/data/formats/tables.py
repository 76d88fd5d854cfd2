"""Texts with labels, in tables: .tsv, .csv, and JSON with one object per example. docs/classifier.md has the rules as tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from albert_np.data.formats.column_names import Columns, choose_columns, is_usual, quote_columns
from albert_np.data.formats.delimited import read_delimited
from albert_np.data.formats.label_values import join_columns, read_labels
from albert_np.data.formats.lines import (
    FilePath,
    UniqueIds,
    decode_text,
    get_suffix,
    parse_json,
    read_bytes,
    require_examples,
    split_lines,
)
from albert_np.data.formats.summary import Examples, FileSummary
from albert_np.io.files import DataError

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
OPTIONS = ["text", "pair", "label", "header", "delimiter", "quotes", "missing", "several", "separator"]
EXAMPLE = '{"text": ..., "label": ...}'
TEXT_WORDS = 3  # a column whose cells have more words than this, on average, and mostly differ, holds texts
ONE_OF_SEVERAL = ("toxic", "spam")  # usual names of a label, but of one class
FEWEST_ROWS = 4  # from which on a column of zeros and ones is one of labels
SAMPLE = 40  # rows that `holds_texts` looks at


@dataclass(frozen=True)
class Labelled:
    """A text, or a pair of texts. label: as in the file, a list if there may be several, None if there is none."""

    text: str
    pair: str | None = None
    label: Any = None
    id: str = ""


Row = tuple[int, dict[str, Any]]


def read_table(
    path: FilePath, text: str | None = None, pair: str | None = None, label: str | None = None, several: bool = False, *,
    header: bool | None = None, delimiter: str | None = None, quotes: bool | None = None, missing: Sequence[str] | None = None,
    separator: str = "|", labelled: bool = True, optional: Sequence[str] = (),
) -> Examples[Labelled]:  # fmt: skip
    """Return the examples of a table, with the summary of what was understood.

    text, pair, label   columns by name, or by number from 1; by default columns with a usual name (`column_names`). "none" as
                        the pair or the label: there is none. A label "toxic,obscene" stands for two columns of zeros and ones. A
                        table without a header needs no names if it has the four columns of CoLA (source, label, mark, sentence),
                        or two, text and label: the label is then the column with fewer different values
    several             a field of a .tsv or .csv may hold several labels, separated by the `separator`
    header              whether the first row of a .tsv or .csv is a header; None: decided by `delimited.looks_like_header`
    delimiter           "tab", "comma", "semicolon", "pipe" or a character; None: by the suffix, and in a .csv by what divides it
    quotes              whether fields may stand in quotation marks; None: in a .csv, not in a .tsv (GLUE's files)
    missing             texts that stand for no label; None: see `label_values.read_labels`
    labelled            False: labels are not read, as in a file to predict on
    optional            of "text", "pair" and "label" those whose given column may be missing: the usual names decide then

    ValueError that names the file and the line; FileNotFoundError.
    """
    if not separator:
        raise ValueError(f"{path}: the option separator must not be empty")
    summary = FileSummary(str(path), options=OPTIONS[:3])
    names: tuple[str | None, ...] = text, pair, label
    given = [name for name in (text, pair, *(label.split(",") if label else ())) if name]
    if get_suffix(path) in JSON_SUFFIXES:
        rows = read_json_rows(path, summary)
        columns = list(rows[0][1]) if rows else []
    else:
        columns, cells = read_delimited(path, summary, given, header, delimiter, quotes)
        summary.options = OPTIONS[:5] + ["several"] * several
        if cells and "no header" in summary.format and not any(given):
            columns = guess_columns(path, [row for _, row in cells], summary)
        rows = [(number, dict(zip(columns, row))) for number, row in cells]
    require_examples(path, rows)
    if cells_have_other_names(columns, summary) and not any(given):
        roles = guess_columns(path, [list(row.values()) for _, row in rows], summary)
        names = tuple(columns[roles.index(role)] if role in roles else None for role in ("text", "pair", "label"))
    if not labelled and columns[1:] == ["label"] and "no header" in summary.format and get_suffix(path) == ".csv":
        summary.warn("column 2 is taken for labels: for a file with one text on each line use .txt, or option delimiter=tab")
    return make_examples(path, rows, columns, summary, names, separator if several else None, missing, labelled, optional)


def examples_from_rows(
    rows: Sequence[dict[str, Any]], name: str, text: str | None = None, pair: str | None = None, label: str | None = None,
    missing: Sequence[str] | None = None, optional: Sequence[str] = (),
) -> Examples[Labelled]:  # fmt: skip
    """Return the examples of rows that were given in Python; `name`, of the argument, stands for the file's.

    The other arguments are those of `read_table`.
    """
    require_examples(name, rows)
    keys = {key: None for row in rows for key in row}
    numbered = [(i, {**keys, **row}) for i, row in enumerate(rows)]
    summary = FileSummary(name, "rows with keys", position="row", options=OPTIONS[:3])
    return make_examples(name, numbered, list(keys), summary, (text, pair, label), None, missing, optional=optional)


def cells_have_other_names(columns: Sequence[str], summary: FileSummary) -> bool:
    """Return whether a table has a header of one or two columns, none of them with a usual name."""
    return "header in line" in summary.format and len(columns) <= 2 and not any(map(is_usual, columns))


def make_examples(
    path: FilePath, rows: Sequence[Row], columns: Sequence[str], summary: FileSummary, names: tuple[str | None, ...],
    separator: str | None, missing: Sequence[str] | None, labelled: bool = True, optional: Sequence[str] = (),
) -> Examples[Labelled]:  # fmt: skip
    """Return the examples of numbered rows, and complete the summary. names: those given for text, pair and label."""
    text, pair, label = names
    label_columns = split_names(columns, label)
    try:
        chosen = choose_columns(columns, text, pair, "none" if label_columns else label, optional)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    values: list[tuple[int, Any]] = []
    if not labelled:
        chosen, label_columns = replace(chosen, label=None), []
    elif label_columns:
        values = [(number, join_columns(path, number, row, label_columns)) for number, row in rows]
    elif chosen.label is not None:
        values = [(number, row.get(chosen.label)) for number, row in rows]
    labels = read_labels(path, values, chosen.label or "", separator, missing, summary) if values else [None] * len(rows)
    ids = read_ids(path, rows, chosen.id)
    examples = []
    for (number, row), each, identifier in zip(rows, labels, ids):
        first, second = (read_text_cell(path, number, row, name, summary) for name in (chosen.text, chosen.pair))
        examples.append(Labelled(first or "", second, each, identifier))
    describe_columns(columns, chosen, label_columns, summary)
    if chosen.pair is None and pair is None:
        warn_of_unused_texts(rows, summary)
    if chosen.label is not None and label is None:
        warn_of_unused_labels(rows, chosen.label, summary)
    return Examples(examples, summary)


def read_ids(path: FilePath, rows: Sequence[Row], column: str | None) -> list[str]:
    """Return the ids in a column, and the rows' numbers where there are none. ValueError if an id repeats."""
    ids, unique = [], UniqueIds(path)
    for number, row in rows:
        identifier = None if column is None else row.get(column)
        if identifier is not None:
            try:
                unique.add(str(identifier), number)
            except DataError as error:
                raise DataError(f"{error} (if the column {column!r} has no ids, give it another name)") from None
        ids.append(str(number if identifier is None else identifier))
    return ids


def split_names(columns: Sequence[str], label: str | None) -> list[str]:
    """Return the columns named in "toxic,obscene"; [] for the name of a single one."""
    names = [name.strip() for name in label.split(",")] if label and label not in columns else []
    return names if len(names) > 1 and all(name in columns for name in names) else []


def read_text_cell(path: FilePath, number: int, row: dict[str, Any], column: str | None, summary: FileSummary) -> str | None:
    """Return the text in a column; None if there is no such column. ValueError that names the line if it is not a text."""
    if column is None:
        return None
    if not isinstance(row[column], str):
        raise DataError(f"{path}:{number}: {column!r} must be a text, not {row[column]!r}")
    if not row[column].strip():
        summary.leave_out(f"with an empty {column!r}", number)
    return row[column]


def describe_columns(columns: Sequence[str], chosen: Columns, labels: Sequence[str], summary: FileSummary) -> None:
    """Record the columns in the summary."""
    roles = {"text": chosen.text, "pair": chosen.pair, "label": ",".join(labels) or chosen.label, "id": chosen.id}
    summary.columns = {role: name for role, name in roles.items() if name is not None}
    used = {*roles.values(), *labels}
    summary.unused = [name for name in columns if name not in used]


def warn_of_unused_texts(rows: Sequence[Row], summary: FileSummary) -> None:
    """Warn of columns that hold texts and are not used."""
    for name in summary.unused:
        if holds_texts([row.get(name) for _, row in rows[:SAMPLE]]):
            summary.warn(f"the column {name!r} also holds texts and is not used (option pair)")


def warn_of_unused_labels(rows: Sequence[Row], label: str, summary: FileSummary) -> None:
    """Warn if several other columns hold zeros and ones, too, as in Jigsaw's files."""
    if label.strip().lower() not in ONE_OF_SEVERAL or len(rows) < FEWEST_ROWS or not holds_bits(rows, label):
        return
    others = [name for name in summary.unused if holds_bits(rows, name)]
    if len(others) > 1:
        summary.warn(
            f"{quote_columns(others)} hold zeros and ones, like {label!r}: for a set of labels, option "
            f"label={label},{others[0]},..."
        )


def holds_bits(rows: Sequence[Row], name: str) -> bool:
    """Return whether a column holds zeros and ones alone."""
    return all(str(row.get(name)).strip() in ("0", "1") for _, row in rows)


def holds_texts(values: Sequence[Any]) -> bool:
    """Return whether the values are texts of several words that mostly differ."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    if len(texts) * 2 < len(values) or len(set(texts)) * 2 < len(texts) or not texts:
        return False
    return sum(len(text.split()) for text in texts) > TEXT_WORDS * len(texts)


def read_json_rows(path: FilePath, summary: FileSummary) -> list[Row]:
    """Return the objects of a file: one per line, a list, {"data": a list}, or {"text": a list, "label": a list}."""
    text, encoding = decode_text(path, read_bytes(path))
    values: list[tuple[int, Any]]
    lines = [(number, line) for number, line in enumerate(split_lines(text), start=1) if line.strip()]
    if (text.lstrip()[:1] == "[" and not is_json_lines(lines, "[]")) or (
        get_suffix(path) == ".json" and not is_json_lines(lines)
    ):
        whole = parse_json(path, text)
        values = list(enumerate(find_objects(path, whole), start=1))
        summary.format = "JSON, a list of objects" if isinstance(whole, list) else "JSON, an object with lists"
        summary.position = "element"
    else:
        values = [(number, parse_json(path, line, number)) for number, line in lines]
        summary.format = "JSON, an object on each line"
    summary.format += f", {encoding}" if encoding != "UTF-8" else ""
    for number, value in values:
        if not isinstance(value, dict):
            line = f":{lines[0][0]}" if len(lines) == 1 else ""
            position = f":{number}" if summary.position == "line" else f"{line}: element {number}"
            raise DataError(f"{path}{position}: expected a JSON object such as {EXAMPLE}, got {str(value)[:40]!r}")
    keys = {key: None for _, value in values for key in value}  # a key that only some objects have is a column of all
    return [(number, {**keys, **value}) for number, value in values]


def is_json_lines(lines: Sequence[tuple[int, str]], marks: str = "{}") -> bool:
    """Return whether a .json file has an object (or a list, with the marks "[]") on each line, rather than one over all lines."""
    return len(lines) > 1 and all(line.strip()[0] == marks[0] and line.strip()[-1] == marks[1] for _, line in lines[:2])


def find_objects(path: FilePath, value: Any) -> list[Any]:
    """Return the objects of a file's JSON value. ValueError if it has none of the forms that `read_json_rows` reads."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        return list(value["data"])
    if isinstance(value, dict) and value and all(isinstance(column, dict) for column in value.values()):
        indices = list(next(iter(value.values())))  # as pandas writes it: {"text": {"0": ..., "1": ...}}
        if all(list(column) == indices for column in value.values()):
            value = {name: list(column.values()) for name, column in value.items()}
    columns = list(value.values()) if isinstance(value, dict) else []
    if columns and all(isinstance(column, list) for column in columns) and len({len(column) for column in columns}) == 1:
        return [dict(zip(value, row)) for row in zip(*columns)]
    if (
        isinstance(value, dict)
        and value
        and not any(isinstance(each, dict | list) for key, each in value.items() if key != "labels")
    ):
        return [value]  # a single example
    keys = f" with {', '.join(map(repr, list(value)[:5]))}" if isinstance(value, dict) else ""
    if isinstance(value, dict) and value and all(isinstance(each, list) for each in value.values()):
        keys += ": if these are parts such as train and test, write each into a file of its own"
    raise DataError(
        f"{path}: expected a list of objects such as {EXAMPLE}, or one on each line, got one {type(value).__name__}{keys}"
    )


def guess_columns(path: FilePath, rows: Sequence[Sequence[str]], summary: FileSummary) -> list[str]:
    """Return names for the columns of a table without a header. ValueError if they cannot be guessed."""
    if len(rows[0]) == 4 and all(row[1] in ("0", "1") and not any(map(str.isalnum, row[2])) for row in rows):
        summary.format += " (CoLA's columns: source, label, mark, text)"
        return ["source", "label", "mark", "text"]
    if len(rows[0]) == 1:
        return ["text"]
    if len(rows[0]) == 2:
        different = [len({row[i] for row in rows}) for i in (0, 1)]
        names = ["label", "text"] if different[0] < different[1] else ["text", "label"]
        if all(holds_texts([row[i] for row in rows[:SAMPLE]]) for i in (0, 1)):
            names = ["text", "pair"]
        summary.format += f" (column 1: {names[0]}, column 2: {names[1]})"
        return names
    raise ValueError(
        f"{path}: it has {len(rows[0])} columns and no header with a usual name: name the columns, by number from 1 (options "
        f"text, pair, label), or say that there is a header (option header); line 1 is {', '.join(map(repr, rows[0]))[:200]}"
    )
