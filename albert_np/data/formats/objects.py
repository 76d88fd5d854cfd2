"""JSON files that hold examples: one object per line, a list, a list under "data", or a list per column."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from albert_np.data.formats.lines import (
    FilePath,
    UniqueIds,
    get_suffix,
    parse_json,
    parse_json_lines,
    parse_json_or_lines,
    read_lines,
    read_text,
)
from albert_np.io.files import DataError

JSON = (".json", ".jsonl", ".ndjson")
Rows = list[tuple[str, Any]]  # (position, value): the position is FILE:LINE, FILE: element 2 or FILE: data[1]


class Objects(NamedTuple):
    """The values of a file: its form, in words; (position, value) of each; the other keys beside "data"."""

    form: str
    rows: Rows
    about: dict[str, Any]


def read_objects(path: FilePath) -> Objects:
    """Return the values of a file, each of them an example or several.

    A .jsonl has one value per line. A .json is a list, an object with a list under "data", an object with a list (or with a value
    for each of "0", "1", ...) for each column, or also one value per line. Another object is the only value.

    ValueError that names the file and the line.
    """
    text = read_text(path)
    outer = text.strip()[:1] + text.strip()[-1:]
    lines = get_suffix(path) != ".json" and outer != "[]"
    values = [*parse_json_lines(path, text)] if lines else parse_json_or_lines(path, text)
    if lines or values[0][0] is not None:
        return Objects("JSON lines", [(f"{path}:{number}", value) for number, value in values], {})
    ((_, whole),) = values
    if isinstance(whole, list):
        return Objects("JSON list", [(f"{path}: element {number}", value) for number, value in enumerate(whole, start=1)], {})
    if isinstance(whole, dict) and isinstance(whole.get("data"), list):
        rows = [(f"{path}: data[{i}]", value) for i, value in enumerate(whole["data"])]
        return Objects("JSON list under 'data'", rows, {key: value for key, value in whole.items() if key != "data"})
    if columns := transpose(whole):
        rows = [(f"{path}: element {number}", row) for number, row in enumerate(columns, start=1)]
        return Objects("JSON with a list per key", rows, {})
    return Objects("JSON object", [(str(path), whole)], {})


def is_json(path: FilePath) -> bool:
    """Return whether a file is JSON by its suffix, or has an object in its first line that is not empty."""
    if get_suffix(path) in JSON:
        return True
    if not Path(path).is_file():  # a pipe can be read only once
        return False
    first = next((line for _, line in read_lines(path) if line.strip()), "")
    if first.lstrip()[:1] != "{":
        return False
    try:
        return isinstance(parse_json(path, first), dict)
    except ValueError:
        return False


def transpose(whole: Any) -> list[dict[str, Any]]:
    """Return the rows of {key: [values]}, or of pandas' {key: {"0": value, ...}}; [] for any other value.

    A key whose values are objects is a column only beside others: {"P17": [{...}], "P31": [{...}]} has no columns.
    """
    if not isinstance(whole, dict) or len(whole) < 2:
        return []
    columns = {key: list_values(column) for key, column in whole.items()}
    if any(column is None for column in columns.values()) or len({len(column or ()) for column in columns.values()}) != 1:
        return []
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]  # type: ignore[arg-type]
    return [] if all(isinstance(value, dict) for row in rows for value in row.values()) else rows


def list_values(column: Any) -> list[Any] | None:
    """Return a list as it is, and the values of {"0": ..., "1": ...} as a list; None for anything else."""
    if isinstance(column, dict) and column and list(column) == [str(i) for i in range(len(column))]:
        return list(column.values())
    return column if isinstance(column, list) else None


def parse_whole_number(value: Any) -> tuple[int | None, bool]:
    """Return an integer, which may be written as 26.0 or "26", and whether it is written plainly; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value, True
    if isinstance(value, float) and value.is_integer():
        return int(value), False
    return (int(value), False) if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", value) else (None, False)


def quote_names(names: Iterable[Any]) -> str:
    """Return the names in quotes, separated by commas."""
    return ", ".join(repr(str(name)[:40]) for name in names)


def get_id(value: dict[str, Any], key: str | None, position: str) -> str | None:
    """Return the id of an object as text, None if it has none. DataError unless it is text or an integer."""
    name = None if key is None else value.get(key)
    if name is not None and (isinstance(name, bool) or not isinstance(name, str | int)):
        raise DataError(f"{position}: {key!r} must be a text or an integer, not {str(name)[:40]!r}")
    return None if name is None else str(name)


def complete_ids(path: FilePath, given: Sequence[tuple[int | str, str | None]]) -> list[str]:
    """Return an id for each (position, id): the given one, or the example's number if it has none.

    ValueError that names both positions if two given ids are equal.
    """
    unique = UniqueIds(path)
    for position, name in given:
        if name is not None:
            unique.add(name, position)
    taken = {name for _, name in given}
    numbers = (str(number) if str(number) not in taken else f"#{number}" for number in range(1, len(given) + 1))
    return [number if name is None else name for number, (_, name) in zip(numbers, given)]


def shorten_position(path: FilePath, position: str) -> int | str:
    """Return the position within the file: 3 for "FILE:3", "element 3" for "FILE: element 3"."""
    place = position.removeprefix(str(path)).lstrip(": ")
    return int(place) if place.isdecimal() else place
