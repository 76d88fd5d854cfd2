"""Options of a task have declared types, by which values typed on the command line or given in Python are read and checked."""

import json
import re
from collections.abc import Callable, KeysView, ValuesView
from typing import Any

from albert_np.io.similar_names import suggest

WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
INTEGER, DECIMAL = re.compile(r"[+-]?[0-9]+"), re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


def read_option(name: str, kind: Any, value: Any, typed: bool = False) -> Any:
    """Return the value of an option.

    kind    bool, int, float, str (an integer is taken as its digits: a column's number), list (of texts: a list, JSON, or texts
            separated by commas), or a tuple of texts to choose from; None: any value
    value   of this type. None is a value of every option: "not given"
    typed   the value was typed on the command line: it is the text that stands for a value

    ValueError that names the option, the value and what was expected.
    """
    if value is None or kind is None:
        return value
    if isinstance(kind, tuple):
        return _read_choice(name, kind, value)
    wanted, read = READERS[kind]
    is_text = isinstance(value, str)
    may_be_text = typed or kind in (str, list)
    result = read(value.strip() if is_text and kind is not str else value) if may_be_text or not is_text else None
    if result is None:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return result


def _read_choice(name: str, choices: tuple[str, ...], value: Any) -> str:
    text = value.strip() if isinstance(value, str) else value
    if text in choices:
        return str(text)
    raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}{suggest(str(value), choices)}")


def _read_bool(value: Any) -> bool | None:
    return WORDS.get(value.lower()) if isinstance(value, str) else value if isinstance(value, bool) else None


def _read_int(value: Any) -> int | None:
    is_integer = INTEGER.fullmatch(value) if isinstance(value, str) else type(value) is int
    return int(value) if is_integer else None


def _read_float(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if DECIMAL.fullmatch(value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _read_str(value: Any) -> str | None:
    return str(value) if isinstance(value, str) or type(value) is int else None


def _read_list(value: Any) -> list[str] | None:
    if isinstance(value, str):
        value = parse_any(value) if value.startswith("[") else [part.strip() for part in value.split(",")]
    if isinstance(value, KeysView | ValuesView) or hasattr(value, "tolist"):  # an array, a Series
        value = value.tolist() if hasattr(value, "tolist") else list(value)
    return list(value) if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value) else None


READERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bool: ("true or false", _read_bool), int: ("an integer", _read_int), float: ("a number", _read_float),
    str: ("a text", _read_str), list: ("a list of texts, or texts separated by commas", _read_list),
}  # fmt: skip


def parse_any(text: str) -> Any:
    """Return the value of an option without a declared type: JSON, or else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
