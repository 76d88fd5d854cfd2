"""Texts, or pairs of texts, that are given in Python: a list, an array, a Series or a DataFrame."""

import math
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

Row = tuple[str, str | None]  # a text, and the second text of a pair
EXPECTED = "a list, array or Series of texts, or of pairs of texts"


def check_texts(given: Any, name: str = "X") -> tuple[list[Row], list[str] | None]:
    """Return the texts, each as (text, None) or (text, pair), and the names of a DataFrame's columns, if all are texts.

    given: texts or pairs (tuples, lists) in a list, an array (n,), (n, 1) or (n, 2), a Series, or a DataFrame of one or two
    columns. ValueError that calls it `name` for anything else, and for single texts among pairs.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable) or hasattr(given, "tocsr"):
        kind = "one text" if isinstance(given, str) else f"an object of type {type(given).__name__}"
        raise ValueError(f"{name} must be {EXPECTED}, not {kind}")
    columns = list(given.columns) if hasattr(given, "columns") else None
    if columns is not None and len(columns) not in (1, 2):
        raise ValueError(f"{name} must be one or two columns of texts, not the {len(columns)} columns {reprlib.repr(columns)}")
    array: Any = given
    if columns is not None:
        array = array.to_numpy()
    values = array.tolist() if hasattr(array, "ndim") else list(array)
    if not isinstance(values, list):
        raise ValueError(f"{name} must be {EXPECTED}, not an array without dimensions")
    if not values:
        raise ValueError(f"{name} is empty: expected at least one text")
    rows = [check_row(value, f"{name}[{i}]") for i, value in enumerate(values)]
    different = next((i for i, (_, pair) in enumerate(rows) if (pair is None) != (rows[0][1] is None)), None)
    if different is not None:
        forms = ("a text", "a pair of texts") if rows[0][1] is None else ("a pair of texts", "a text")
        raise ValueError(f"{name}[0] is {forms[0]}, and {name}[{different}] is {forms[1]}: expected all alike")
    return rows, columns if columns is not None and all(isinstance(column, str) for column in columns) else None


def check_row(value: Any, name: str) -> Row:
    """Return a text, or the members of a list or tuple of one or two, as a row. ValueError that calls it `name` otherwise."""
    if isinstance(value, str):
        return str(value), None  # of NumPy's str_, too
    texts = value.tolist() if hasattr(value, "ndim") else list(value) if isinstance(value, list | tuple) else [value]
    if not isinstance(texts, list) or len(texts) not in (1, 2) or not all(isinstance(text, str) for text in texts):
        missing = isinstance(texts, list) and any(map(is_missing, texts))
        advice = "; fill in a text, such as an empty one, where it is missing" if missing else ""
        raise ValueError(f"{name} must be a text, or a pair of texts, not {reprlib.repr(value)}{advice}")
    return str(texts[0]), None if len(texts) == 1 else str(texts[1])


def is_missing(value: Any) -> bool:
    """Return whether a value stands for a missing one: None, NaN, pandas' NA or NaT."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))
