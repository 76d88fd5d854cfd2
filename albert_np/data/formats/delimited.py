"""The cells of .tsv and .csv files: delimiter, quotation marks, header, empty columns."""

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

from albert_np.data.formats.column_names import is_usual
from albert_np.data.formats.lines import FilePath, decode_text, get_suffix, parse_json, read_bytes, split_lines
from albert_np.data.formats.summary import FileSummary, count_noun
from albert_np.io.files import DataError

Cells = list[tuple[int, list[str]]]  # (line number, the cells) of each row
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
SEPARATOR_LINE = re.compile(r'(?:"sep=(.)"|sep=(.)\2*)[ \t]*(?=[\r\n])')  # Excel's first line
NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)")
FEWEST_ROWS = 4  # below the first, to judge it by
FEWEST_WORDS = 3  # of texts, on average, beside which a first row of single words looks like a header


def read_delimited(
    path: FilePath, summary: FileSummary, given: Sequence[str], header: bool | None, delimiter: str | None, quotes: bool | None
) -> tuple[list[str], Cells]:
    """Return the names of the columns and the rows below the header.

    given       names of columns that the header has, if there is one
    header      whether the first row is the header; None: decided by `looks_like_header`
    delimiter   a name in `DELIMITERS`, or a character; None: a tab, and in a .csv the one that divides all lines alike
    quotes      whether fields may stand in double quotes; None: in a .csv

    A column without a name is called by its number from 1, and a name that repeats gets one: "note", "note.2". Empty columns at
    the right end are left out. Records what was inferred in the summary. ValueError that names the file and the line.
    """
    text, encoding = decode_text(path, read_bytes(path))
    refuse_json(path, text)
    text, stated = cut_separator_line(text)
    delimiter = delimiter or stated
    if quotes is None:
        quotes = get_suffix(path) == ".csv"
    if delimiter is not None:
        mark = get_mark(delimiter)
        cells = parse(path, text, mark, quotes)
    elif get_suffix(path) == ".csv":
        mark, cells = infer_delimiter(path, text, quotes, summary)
    else:
        mark, cells = "\t", parse(path, text, "\t", quotes)
    if not cells:
        return [], []
    cells, width = cut_empty_columns(path, cells, max((int(name) for name in given if name.isdecimal()), default=0))
    is_header = looks_like_header(cells, given, summary) if header is None else header
    first = cells[0][0]
    parts = [f"separated by {name_mark(mark)}" if width > 1 else "one column"]
    parts += ["as line 1 says"] if stated and mark == stated else []
    parts += [encoding] if encoding != "UTF-8" else []
    summary.format = ", ".join([*parts, f"header in line {first}" if is_header else "no header"])
    if width == 1:
        warn_of_one_column(cells[0][1][0], summary)
    if not quotes and width > 1:
        warn_of_quotes(cells, summary)
    return (name_columns(cells[0][1]), cells[1:]) if is_header else ([str(i + 1) for i in range(width)], cells)


def get_mark(delimiter: str) -> str:
    """Return the character of a delimiter, which may be a name in `DELIMITERS`. ValueError if there is none."""
    mark = DELIMITERS.get(delimiter, "\t" if delimiter == "\\t" else delimiter)
    if len(mark) != 1:
        raise ValueError(f"the option delimiter must be one of {', '.join(DELIMITERS)}, or a character, not {delimiter!r}")
    return mark


def name_mark(mark: str) -> str:
    """Return "semicolons" for ";", and another character in quotes."""
    return next((f"{name}s" for name, each in DELIMITERS.items() if each == mark), repr(mark))


def refuse_json(path: FilePath, text: str) -> None:
    """Raise DataError if the first line is a JSON object."""
    first = text[: 1 << 20].lstrip().split("\n", 1)[0].strip()
    if first[:1] == "{" and first[-1:] == "}":
        value = None
        with contextlib.suppress(DataError):
            value = parse_json(path, first)
        if value:
            raise DataError(f"{path}: its first line is a JSON object, so it is no table: its name must end in .jsonl")


def cut_separator_line(text: str) -> tuple[str, str | None]:
    """Return the text with a blank first line in place of Excel's "sep=;", and the delimiter that this names."""
    match = SEPARATOR_LINE.match(text)
    return (text, None) if match is None else (text[match.end() :], match[1] or match[2])


def parse(path: FilePath, text: str, mark: str, quotes: bool) -> Cells:
    """Return the cells of all lines that are not blank. ValueError that names the line if quotation marks do not match.

    Blanks before a field are left out if a quotation mark follows them in some line: "a", "b".
    """
    if not quotes:
        lines = enumerate(split_lines(text), start=1)
        return [(number, line.split(mark)) for number, line in lines if line.strip()]
    may_have_blanks = re.search(rf'{re.escape(mark)} +"', text) is not None
    try:
        cells = parse_quoted(path, text, mark)
    except DataError:
        if not may_have_blanks:
            raise
        return parse_quoted(path, text, mark, blanks=True)
    if may_have_blanks and any(re.match(' +"', cell) for _, row in cells for cell in row[1:]):
        with contextlib.suppress(DataError):
            return parse_quoted(path, text, mark, blanks=True)
    return cells


def parse_quoted(path: FilePath, text: str, mark: str, blanks: bool = False) -> Cells:
    """Return the cells of a text whose fields may stand in quotation marks; blanks: leave those before a field out."""
    limit = csv.field_size_limit(2**31 - 1)  # Python's own is 131,072 characters
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True, skipinitialspace=blanks)
    cells: Cells = []
    last = 0  # line of the last row
    try:
        for row in reader:
            last = reader.line_num
            if any(map(str.strip, row)):
                cells.append((last, [row[0].removeprefix("\ufeff"), *row[1:]]))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise DataError(
                f"{path}:{last + 1}: it is not valid CSV: a field begins with a quotation mark, and none ends it"
            ) from None
        hint = "; a quotation mark within a field in quotes must be doubled"
        raise DataError(
            f"{path}:{reader.line_num}: it is not valid CSV: {error}{hint if 'expected after' in str(error) else ''}"
        ) from None
    finally:
        csv.field_size_limit(limit)
    return cells


def infer_delimiter(path: FilePath, text: str, quotes: bool, summary: FileSummary) -> tuple[str, Cells]:
    """Return the delimiter of a .csv and its cells: a comma if it divides all lines alike, else another that does.

    ValueError if none divides all lines alike and there are commas.
    """
    found: dict[str, Cells] = {}
    problems: dict[str, ValueError] = {}
    for mark in (",", ";", "\t", "|"):
        try:
            cells = parse(path, text, mark, quotes)
            _, width = cut_empty_columns(path, cells)
        except ValueError as error:
            problems[mark] = error
            continue
        if width > 1:
            found[mark] = cells
        elif mark == ",":
            single = cells
    for mark, cells in found.items():
        if any(is_usual(cell) for cell in cells[0][1]):
            return mark, cells
    if len(found) > 1:
        others = " and ".join(name for name, mark in DELIMITERS.items() if mark in found)
        summary.warn(f"{others} both divide all its lines alike: the first is taken (option delimiter)")
    if found:
        return next(iter(found.items()))
    other = next((mark for mark in problems if mark != "," and divides_most_lines(text, mark)), ",")
    if problem := problems.get(other):
        option = "options delimiter and quotes" if "CSV" in str(problem) else "option delimiter"
        raise ValueError(f"{problem} ({option})")
    return ",", single


def divides_most_lines(text: str, mark: str) -> bool:
    """Return whether a mark occurs in the first line, and equally often in most others."""
    counts = [line.count(mark) for line in split_lines(text) if line.strip()]
    return counts[0] > 0 and counts.count(counts[0]) > 0.5 * len(counts)


def cut_empty_columns(path: FilePath, cells: Cells, keep: int = 0) -> tuple[Cells, int]:
    """Return the cells without the empty columns at the right end, and the number of columns.

    keep: the number of columns that are left in place. The first row decides how many there are. ValueError that names the line
    of a row with more or fewer.
    """
    if not cells:
        return cells, 0
    full = len(cells[0][1])
    used = [max((i for i, cell in enumerate(row) if cell.strip()), default=-1) + 1 for _, row in cells]
    width = max(1, min(keep, full), *(min(n, full) for n in used))
    for (number, row), n in zip(cells, used):
        if n > width or len(row) < width:
            have = len(row) if len(row) < width else n
            raise DataError(f"{path}:{number}: expected {count_noun(width, 'column')}, as in line {cells[0][0]}, got {have}")
    return [(number, row[:width]) for number, row in cells], width


def name_columns(header: Sequence[str]) -> list[str]:
    """Return a different name for each column: its name, "name.2" for the second of that name, or its number from 1."""
    names: list[str] = []
    for i, cell in enumerate(header, start=1):
        name = cell.strip() or str(i)
        repeats = 2
        while name in names:
            name, repeats = f"{cell.strip() or i}.{repeats}", repeats + 1
        names.append(name)
    return names


def looks_like_header(cells: Cells, given: Sequence[str], summary: FileSummary) -> bool:
    """Return whether the first row is a header, and record it as a warning if that is not certain.

    It is one if it has a column that was asked for by name, or a usual name, and none of its cells occurs again in its column (or
    all are usual names). Without such a name, it is one if its cells look like names and a column shows it: all others in the
    column are numbers, or all others occur several times each while the texts beside them are longer than names.
    """
    first, rows = [cell.strip() for cell in cells[0][1]], [row for _, row in cells[1:]]
    lowered = [cell.lower() for cell in first]
    if any(name.lower() in lowered and not name.isdecimal() for name in given):
        return True
    columns = [Counter(row[i].strip() for row in rows) for i in range(len(first))]
    named, recurring = [is_usual(cell) for cell in first], [bool(cell) and cell in column for cell, column in zip(first, columns)]
    shown = ", ".join(map(repr, first[:6]))
    if any(named):
        if all(is_name or not cell for is_name, cell in zip(named, first)) or not any(recurring):
            return True
        summary.warn(f"line {cells[0][0]} ({shown}) is read as an example, since a cell of it occurs again below (option header)")
        return False
    if not rows or len(first) < 2 or any(recurring):
        return False
    numeric = [i for i, column in enumerate(columns) if is_numeric(column) and first[i] and not NUMBER.fullmatch(first[i])]
    repeating = [i for i, column in enumerate(columns) if len(rows) >= FEWEST_ROWS and is_repeating(column) and first[i]]
    words = [len(cell.split()) for column in columns for cell in column]
    if all(looks_like_name(cell) for cell in first) and (numeric or (repeating and max(words) >= FEWEST_WORDS)):
        summary.warn(f"line {cells[0][0]} ({shown}) is taken for the header (option header)")
        return True
    if repeating or numeric:
        i = (numeric or repeating)[0]
        reason = "is not a number, unlike all others" if numeric else "occurs only there, and all others several times"
        summary.warn(
            f"line {cells[0][0]} is read as an example, though its {first[i]!r} in column {i + 1} {reason}: if it is a header, "
            "say so (option header)"
        )
    return False


def is_numeric(column: Counter[str]) -> bool:
    """Return whether all cells that are not blank are numbers, at least two of them."""
    filled = [cell for cell in column.elements() if cell]
    return len(filled) >= 2 and all(NUMBER.fullmatch(cell) for cell in column if cell)


def is_repeating(column: Counter[str]) -> bool:
    """Return whether every cell that is not blank occurs at least twice."""
    return all(count > 1 for cell, count in column.items() if cell) and any(column)


def looks_like_name(cell: str) -> bool:
    """Return whether a cell may be the name of a column: at most four words, no punctuation at the end, or nothing."""
    return len(cell) <= 40 and len(cell.split()) <= 4 and not cell.endswith((".", "!", "?", ",", ";", ":"))


def warn_of_one_column(first: str, summary: FileSummary) -> None:
    """Warn of a single column whose first line is divided by another delimiter into usual names."""
    for name, mark in DELIMITERS.items():
        if mark in first and any(is_usual(part) for part in first.split(mark)):
            summary.warn(f"it has one column, {first!r}: if a {name} separates its columns, say so (option delimiter={name})")


def warn_of_quotes(cells: Cells, summary: FileSummary) -> None:
    """Warn of a file in which fields may be quoted, but quotation marks are read as text."""
    quoted = [cell for _, row in cells[1:] for cell in row if len(cell) > 1 and cell[0] == cell[-1] == '"']
    if len(quoted) * 2 > len(cells) - 1 and len(cells) > 2:
        summary.warn(f"{len(quoted):,} fields stand in quotation marks, which are read as text (option quotes)")
