"""JSON files that hold examples: one object per line, a list, a list under "data", or a list per column."""

from collections.abc import Iterable, Sequence
from typing import Any

from albert_np.data.formats.lines import FilePath, UniqueIds, get_suffix, parse_json, read_json_lines, read_text

JSON = (".json", ".jsonl", ".ndjson")  # the suffixes of these files
Rows = list[tuple[str, Any]]  # (position, value): the position is FILE:LINE, FILE: element 2 or FILE: data[1]


def read_objects(path: FilePath) -> tuple[str, Rows]:
    """Return the form of a file, in words, and the (position, value) of each example in it.

    A .jsonl has one value per line. A .json is a list, an object with a list under "data", an object with a list (or with a value
    for each of "0", "1", ...) for each column, or also one value per line. Another object is the only value.

    ValueError that names the file and the line.
    """
    text = read_text(path)
    outer = text.strip()[:1] + text.strip()[-1:]
    lines = get_suffix(path) != ".json" and outer != "[]"
    try:
        whole = None if lines else parse_json(path, text)
    except ValueError as error:
        if not str(error).endswith("Extra data"):  # a second value
            raise
        lines = True
    if lines:
        return "JSON lines", [(f"{path}:{number}", value) for number, value in read_json_lines(path)]
    if isinstance(whole, list):
        return "JSON list", [(f"{path}: element {number}", value) for number, value in enumerate(whole, start=1)]
    if isinstance(whole, dict) and isinstance(whole.get("data"), list):
        return "JSON list under 'data'", [(f"{path}: data[{i}]", value) for i, value in enumerate(whole["data"])]
    if rows := transpose(whole):
        return "JSON with a list per key", [(f"{path}: element {number}", row) for number, row in enumerate(rows, start=1)]
    return "JSON object", [(str(path), whole)]


def transpose(whole: Any) -> list[dict[str, Any]]:
    """Return the rows of {key: [values]}, or of pandas' {key: {"0": value, ...}}; [] for any other value."""
    if not isinstance(whole, dict) or len(whole) < 2:
        return []
    columns = {key: list_values(column) for key, column in whole.items()}
    if any(column is None for column in columns.values()) or len({len(column or ()) for column in columns.values()}) != 1:
        return []
    return [dict(zip(columns, values)) for values in zip(*columns.values())]  # type: ignore[arg-type]


def list_values(column: Any) -> list[Any] | None:
    """Return a list as it is, and the values of {"0": ..., "1": ...} as a list; None for anything else."""
    if isinstance(column, dict) and column and list(column) == [str(i) for i in range(len(column))]:
        return list(column.values())
    return column if isinstance(column, list) else None


def quote_names(names: Iterable[Any]) -> str:
    """Return the names in quotes, separated by commas."""
    return ", ".join(repr(str(name)[:40]) for name in names)


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


def shorten_position(path: FilePath, position: str) -> str:
    """Return the position within the file: "3" for "FILE:3", "element 3" for "FILE: element 3"."""
    return position.removeprefix(str(path)).lstrip(": ")
