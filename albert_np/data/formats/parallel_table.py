"""Sentences with their translations in a table: .tsv, .csv."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from albert_np.data.formats.delimited import (
    DELIMITERS,
    Cells,
    cut_empty_columns,
    cut_separator_line,
    get_mark,
    name_mark,
    parse,
)
from albert_np.data.formats.languages import get_language
from albert_np.data.formats.lines import FilePath, get_suffix, read_text
from albert_np.data.formats.parallel_columns import (
    NONE,
    Names,
    Rows,
    choose_columns,
    find_column,
    is_language,
    is_usual,
    simplify,
)
from albert_np.data.formats.summary import FileSummary

OTHERS = "id idx index guid line score similarity domain license licence attribution".split()  # beside them in a header
ATTRIBUTION = re.compile(r"\bCC[ -]BY|\battribution\b", re.IGNORECASE)
IDENTIFIER = re.compile(r"[^\W\d]\w*([-_.]\w+)*")


class Form(NamedTuple):
    """How a table is written, None for each where its reader decides: see `read_parallel`."""

    header: bool | None = None
    delimiter: str | None = None
    quotes: bool | None = None
    labelled: bool = True  # whether there must be targets


def read_table_pairs(path: FilePath, given: Names, form: Form, known: Names, summary: FileSummary) -> Rows:
    """Return the pairs of a table; fills in the summary.

    given, known: see `choose_columns`. ValueError that names the file and the line.
    """
    header, delimiter, quotes, labelled = form
    mark, cells = read_cells(path, delimiter, quotes, summary)
    if not cells:
        return []
    line, first = cells[0]
    position = f"{path}:{line}"
    if header is None:
        header = is_header(first, given, known, position)
        if not header and has_name_above_numbers(cells):
            header = True
            summary.warn(f"line {line}, {first}, is taken for the header (option header)")
    names = unique_names(first) if header else [f"column {i}" for i in range(1, len(first) + 1)]
    filled = [i for i, name in enumerate(names) if (header and first[i].strip()) or any(row[i].strip() for _, row in cells)]
    if header and len(filled) == 2 and not any(given) and not any(is_usual(names[i]) or is_language(names[i]) for i in filled):
        columns: list[str | None] = [names[i] for i in filled]
    elif header:
        columns = choose_columns(names, given, known, position)
    else:
        columns = choose_by_form(names, filled, given, [row for _, row in cells], position, labelled)
        if looks_like_header(cells):
            summary.warn(f"line {line}, {first}, is read as an example, though it looks like a header (option header)")
    summary.format = f"separated by {name_mark(mark)}, {f'header in line {line}' if header else 'no header'}"
    summary.columns = {role: name for role, name in zip(("source", "target"), columns) if name is not None}
    summary.unused = [names[i] for i in filled if names[i] not in columns]
    summary.options = ["source", "target", "header", "delimiter", "quotes", "empty"]
    if not (get_suffix(path) == ".csv" if quotes is None else quotes):
        warn_of_quotes(cells, summary)
    source, target = (None if name is None else names.index(name) for name in columns)
    return [
        (f"{path}:{number}", row[source].strip(), None if target is None else row[target].strip())  # type: ignore[index]
        for number, row in cells[1 if header else 0 :]
    ]


def read_cells(path: FilePath, delimiter: str | None, quotes: bool | None, summary: FileSummary) -> tuple[str, Cells]:
    """Return the delimiter of a table and its rows that are not blank, without empty columns at the right end.

    The delimiter of a .csv is the first of comma, semicolon, tab and pipe that divides all rows into equally many cells, and more
    than one. ValueError that names the file and the line: it is not valid, or rows differ.
    """
    text, stated = cut_separator_line(read_text(path))
    delimiter = delimiter or stated
    is_csv = get_suffix(path) == ".csv"
    quotes = is_csv if quotes is None else quotes
    marks = [get_mark(delimiter)] if delimiter else [",", ";", "\t", "|"] if is_csv else ["\t"]
    attempts = [parse_cells(path, text, mark, quotes) for mark in marks]
    found = {mark: cells for mark, cells in zip(marks, attempts) if isinstance(cells, list) and cells and len(cells[0][1]) > 1}
    for mark, cells in found.items():
        if len(found) == 1 or all(is_usual(cell) or is_language(cell) for cell in cells[0][1]):
            return mark, cells
    if found:
        names = [name for mark in found for name, each in DELIMITERS.items() if each == mark]
        summary.warn(f"{' and '.join(names)} divide all rows alike: the {names[0]} is taken (option delimiter)")
        return next(iter(found.items()))
    if isinstance(attempts[0], ValueError):
        raise attempts[0]
    return marks[0], attempts[0]


def parse_cells(path: FilePath, text: str, mark: str, quotes: bool) -> Cells | ValueError:
    """Return the rows of a table, or the error that names the line if they cannot be divided like this."""
    try:
        return cut_empty_columns(path, parse(path, text, mark, quotes))[0]
    except ValueError as error:
        return error


def unique_names(first: Sequence[str]) -> list[str]:
    """Return the names in a header; one that is empty, or occurs more than once, is replaced by "column 3"."""
    names = [cell.strip() for cell in first]
    return [name if name and names.count(name) == 1 else f"column {i}" for i, name in enumerate(names, start=1)]


def is_header(first: Sequence[str], given: Names, known: Names, position: str) -> bool:
    """Return whether the first row of a table names its columns.

    It does if an option gives a name, if `choose_columns` finds source and target in it, or if all of its cells are usual names.
    """
    if any(name is not None and not name.isdecimal() for name in given):
        return True
    names = unique_names(first)
    try:
        columns = choose_columns(names, NONE, known, position)
    except ValueError:
        columns = [None, None]
    if all(columns):
        codes = {get_language(str(name)) or name for name in columns}
        words = {re.split(r"[\W_]", str(name))[0] for name in columns}
        return len(codes) > 1 or len(words) == 1  # "German", "Deutsch" are words; "zh-Hans", "zh-Hant" are columns
    return all(is_language(name) or is_usual(name) or simplify(name) in OTHERS or name in known for name in names) and (
        columns[0] is not None or len({get_language(name) for name in names if is_language(name)}) > 1
    )


def choose_by_form(
    names: Sequence[str], filled: Sequence[int], given: Names, rows: Sequence[Sequence[str]], position: str, labelled: bool
) -> list[str | None]:
    """Return the columns of source and target in a table without a header. filled: the indices of columns that are not empty.

    Two columns are source and target; so are the first two of three if the third names authors and licence (Anki's files), and
    the second and fourth of four if the others are numbers (Tatoeba's). ValueError that names the position for any other form.
    """
    columns = [None if name is None else find_column(names, name, position) for name in given]
    usable = [names[i] for i in filled]
    if not any(columns):
        if len(filled) == 1 and not labelled:
            return [*usable, None]
        if len(filled) == 3 and all(ATTRIBUTION.search(row[filled[2]]) for row in rows):
            usable = usable[:2]
        elif len(filled) == 4 and all(row[filled[i]].strip().isdecimal() for row in rows for i in (0, 2)):
            usable = [usable[1], usable[3]]
        if len(usable) != 2:
            raise ValueError(
                f"{position}: expected 2 columns, got {len(usable)}, and no header with known names; name them by the options "
                "source=NUMBER and target=NUMBER, counted from 1"
            )
    if not labelled and columns[0] is not None:
        return columns
    rest = [name for name in usable if name not in columns]
    for i in (0, 1):
        if columns[i] is None and len(rest) == 2 - sum(name is not None for name in columns):
            columns[i] = rest.pop(0)
    if columns[0] is None or columns[0] == columns[1]:
        raise ValueError(f"{position}: the options source and target must name two different columns of {len(names)}")
    return columns


def looks_like_header(cells: Cells) -> bool:
    """Return whether the first row has single words, such as "txt_en", and most others have several in each cell."""
    (_, first), *others = cells
    words = all(IDENTIFIER.fullmatch(cell.strip()) for cell in first)
    longer = sum(all(len(cell.split()) > 1 for cell in row[:2]) for _, row in others)
    return words and ((len(others) > 2 and 2 * longer > len(others)) or all("_" in cell for cell in first))


def has_name_above_numbers(cells: Cells) -> bool:
    """Return whether the first row has short cells without digits, and below one of them there are only numbers."""
    (_, first), *others = cells
    short = all(len(cell.split()) < 4 and not re.search(r"\d", cell) for cell in first)
    return (
        short
        and len(others) > 1
        and any(cell and all(row[i].strip().isdecimal() for _, row in others) for i, cell in enumerate(first))
    )


def warn_of_quotes(cells: Cells, summary: FileSummary) -> None:
    """Warn of cells in quotes within which quotes are doubled: in a .tsv, quotes are text."""
    quoted = [number for number, row in cells for cell in row if re.fullmatch(r'".*"".*"', cell.strip())]
    if quoted:
        summary.warn(f"quotation marks are read as text, though those of line {quoted[0]} look like a .csv's (option quotes)")
