"""The examples of a benchmark's files: tables with and without a header, objects on lines, Parquet, and rows of the hub."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from albert_np.data.formats import Labelled
from albert_np.data.formats.delimited import parse
from albert_np.data.formats.lines import decode_text, get_suffix, read_bytes, read_lines, require_examples
from albert_np.data.formats.summary import Examples, FileSummary
from albert_np.data.formats.tables import JSON_SUFFIXES, read_json_rows
from albert_np.io.files import DataError
from albert_np.tasks.benchmarks.locate import Located
from albert_np.tasks.benchmarks.record import Benchmark, Fields

Row = tuple[int, dict[str, Any]]  # (line number, {column in lower case: value})
NO_LABEL = ("", "-", "-1", "-1.0", "nan", "none")  # in lower case: SNLI's and MNLI's mark, and the hub's for test sets
ROW_NUMBER = "the number of the row"


def read_located(record: Benchmark, located: Located, labelled: bool = True) -> Examples[Labelled]:
    """Return the examples of a split's files, as `read_files` does."""
    keep = None if located.ids is None else (located.source.ids == "in", read_ids(located.ids))
    examples = read_files(record, located.paths, labelled, keep)
    if located.source.note:
        examples.summary.warn(located.source.note)
    return examples


def read_files(
    record: Benchmark, paths: Sequence[Path], labelled: bool = True, keep: tuple[bool, set[tuple[str, ...]]] | None = None
) -> Examples[Labelled]:
    """Return the examples of files that are read one after the other, with a summary of what was left out.

    labelled   False: no label is read, and no row may be left out, since each needs an answer
    keep       (True, ids) for the rows with these ids, (False, ids) for the others

    DataError that names the file and the line.
    """
    summary = FileSummary(" + ".join(map(str, paths)))
    examples: list[Labelled] = []
    for path in paths:
        rows = require_examples(path, read_rows(record, path, summary, strict=not labelled))
        if keep is not None:
            wanted, ids = keep
            rows = [row for row in rows if (tuple(str(row[1].get(name)) for name in record.fields.ids) in ids) == wanted]  # type: ignore[union-attr]
            if not rows:
                raise DataError(f"{path}: none of its rows has an id that {'is' if wanted else 'is not'} in the file of ids")
        examples += make_examples(record, path, rows, summary, labelled, offset=len(examples))
    return Examples(examples, summary)


def read_ids(path: Path) -> set[tuple[str, ...]]:
    """Return the rows of a file of ids, in columns that tabs separate."""
    return {tuple(cell.strip() for cell in line.split("\t")) for _, line in read_lines(path) if line.strip()}


# ---- files -> rows ----


def read_rows(record: Benchmark, path: Path, summary: FileSummary, strict: bool) -> list[Row]:
    """Return the rows of a file. strict: a row with missing columns is an error, not left out."""
    fields = record.fields
    assert fields is not None
    suffix = get_suffix(path)
    if suffix == ".parquet":
        rows = read_parquet(path)
        summary.format = "Parquet"
    elif suffix in JSON_SUFFIXES:
        rows = [(number, lower_keys(row)) for number, row in read_json_rows(path, summary)]
    else:
        rows = read_table_rows(path, fields, summary, strict)
    return rows


def lower_keys(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its keys in lower case, without blanks around them."""
    return {str(key).strip().lower(): value for key, value in row.items()}


def read_parquet(path: Path) -> list[Row]:
    """Return the rows of a Parquet file. ValueError if pyarrow is missing, DataError if it is damaged."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError(f"{path}: to read Parquet, pip install 'albert_np[datasets]'; or export it as .jsonl") from None
    try:
        rows = parquet.read_table(path).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: it is not a Parquet file that can be read ({str(error).splitlines()[0]})") from None
    return [(number, lower_keys(row)) for number, row in enumerate(rows, start=1)]


def read_table_rows(path: Path, fields: Fields, summary: FileSummary, strict: bool) -> list[Row]:
    """Return the rows of a table: divided by tabs, quotation marks being text, or by commas with quoted fields (exports).

    A row that lacks a needed column is left out, or refused: if `strict`, or if no header says how many columns there are.
    """
    text, _ = decode_text(path, read_bytes(path))
    tabs = get_suffix(path) != ".csv" or "\t" in text.lstrip("\r\n").split("\n", 1)[0]
    cells = parse(path, text, "\t" if tabs else ",", quotes=not tabs)
    summary.format = "separated by tabs" if tabs else "separated by commas"
    if not cells:
        return []
    header = [cell.strip().lower() for cell in cells[0][1]]
    if any(name in header for name in fields.text):
        summary.format += f", header in line {cells[0][0]}"
        cells = cells[1:]
    elif fields.without_header:
        header, strict = list(fields.without_header), True
        summary.format += f", no header ({', '.join(header)})"
    else:
        names = " or ".join(map(repr, fields.text))
        raise DataError(f"{path}:{cells[0][0]}: expected a header with the column {names}, got {shorten(cells[0][1])}")
    wanted = [choose(header, names) for names in (fields.text, fields.pair, () if strict else fields.label)]
    needed = max(header.index(name) for name in wanted if name is not None) + 1
    rows = []
    for number, row in cells:
        if len(row) >= needed:
            rows.append((number, name_cells(number, header, row, fields, summary)))
        elif strict:
            raise DataError(f"{path}:{number}: expected {len(header)} columns, got {len(row)}")
        else:
            summary.leave_out(f"with fewer than {len(header)} columns, left out", number)
    return rows


def name_cells(number: int, header: Sequence[str], cells: Sequence[str], fields: Fields, summary: FileSummary) -> dict[str, Any]:
    """Return {column: cell} of a row. If it has more cells than the header, a label in the header's last column is its last."""
    row = dict(zip(header, cells))
    if len(cells) > len(header) and header[-1] in fields.label:
        row[header[-1]] = cells[-1]
        summary.note("with more columns than the header: the label is the last", number)
    elif len(cells) > len(header) and header[-1] in (*fields.text, *fields.pair):
        summary.note(f"with more columns than {len(header)}: what is behind {header[-1]!r} is not used", number)
    return row


def choose(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """Return the first of the names that is a column, None if none is."""
    columns = set(columns)
    return next((name for name in names if name in columns), None)


def shorten(cells: Sequence[str]) -> str:
    """Return the cells in quotes, without the end of a long list."""
    text = ", ".join(map(repr, cells))
    return text if len(text) <= 120 else text[:117] + "..."


# ---- rows -> examples ----


def make_examples(
    record: Benchmark, path: object, rows: Sequence[Row], summary: FileSummary, labelled: bool, offset: int = 0
) -> list[Labelled]:
    """Return the examples of rows. offset: the number of those before them, of which the index is counted on.

    DataError that names the line for a text that is not text, or a label that is not one of the record's.
    """
    fields = record.fields
    assert fields is not None
    columns = dict.fromkeys(name for _, row in rows[:1] for name in row)
    text, pair, label, index = (choose(columns, names) for names in (fields.text, fields.pair, fields.label, fields.index))
    for name, names in ((text, fields.text), (pair, fields.pair), (label, fields.label if labelled else ())):
        if names and name is None:
            raise DataError(
                f"{path}: {record.title} has the column {' or '.join(map(repr, names))}, and this file {shorten(list(columns))}"
            )
    prefix = fields.prefix or None
    roles = {"text": f"{prefix}: {text}" if prefix else text, "pair": pair, "label": label if labelled else None}
    summary.columns = {role: name for role, name in roles.items() if name is not None}
    if index is not None or not labelled:
        summary.columns["id"] = index or ROW_NUMBER
    examples = []
    for position, (number, row) in enumerate(rows, start=offset):
        first, second = (None if name is None else get_text(path, number, row, name, summary) for name in (text, pair))
        if prefix:
            first = f"{get_text(path, number, row, prefix, summary)}: {first}"
        value = read_label(record, path, number, row.get(label)) if labelled and label is not None else None
        if labelled and value is None:
            summary.leave_out("without a label, left out", number)
            continue
        identifier = position if index is None else row.get(index)
        examples.append(Labelled(first or "", second, value, "" if identifier is None else str(identifier).strip()))
    if not examples:
        raise DataError(f"{path}: none of its rows has a label, as in a test set")
    return examples


def get_text(path: object, number: int, row: dict[str, Any], name: str, summary: FileSummary) -> str:
    """Return the text of a row's column; an empty one is counted. DataError if it is not text."""
    value = row.get(name)
    if not isinstance(value, str):
        raise DataError(f"{path}:{number}: {name!r} must be a text, not {value!r}")
    if not value.strip():
        summary.note(f"with an empty {name!r}", number)
    return value


def read_label(record: Benchmark, path: object, number: int, value: Any) -> str | float | None:
    """Return the label as the record names it, a number, or None for a mark of no label. DataError for anything else.

    Integers that are not names of classes are the hub's ids.
    """
    text = str(value).strip()
    if text.lower() in NO_LABEL:
        return None
    if record.scale is not None:
        return read_number(record, path, number, text)
    for name in (text, text.lower()):  # True, of JSON or of a table, is "true"
        if name in record.labels:
            return name
    whole = text.removesuffix(".0")
    if whole in record.labels:
        return whole
    if whole.isdecimal() and int(whole) < len(record.hub_labels):
        return record.hub_labels[int(whole)]
    raise DataError(f"{path}:{number}: the labels of {record.title} are {', '.join(record.labels)}, not {text[:40]!r}")


def read_number(record: Benchmark, path: object, number: int, text: str) -> float:
    """Return a score on the record's scale. DataError for anything else."""
    assert record.scale is not None
    least, greatest = record.scale
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= greatest:
        raise DataError(
            f"{path}:{number}: the scores of {record.title} are numbers from {least:g} to {greatest:g}, not {text[:40]!r}"
        )
    return value
