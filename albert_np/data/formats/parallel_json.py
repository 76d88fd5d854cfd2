"""Sentences with their translations in JSON: an object for each pair, or one with a text per language under "translation"."""

from collections.abc import Sequence
from typing import Any

from albert_np.data.formats.lines import FilePath
from albert_np.data.formats.objects import quote_names, read_objects
from albert_np.data.formats.parallel_columns import Names, Rows, choose_columns, is_language, is_usual
from albert_np.data.formats.summary import FileSummary

WRAPPER = "translation"  # the key of an object with a text per language, as in Hugging Face's data sets

Pair = tuple[str, dict[str, Any], bool]  # (position, the object with the texts, whether it is under "translation")


def read_json_pairs(path: FilePath, given: Names, known: Names, labelled: bool, summary: FileSummary) -> Rows:
    """Return the pairs of a JSON file; the keys of the first example hold for all. Fills in the summary.

    given, known: see `choose_columns`; labelled: whether targets are read. ValueError that names the file and the line.
    """
    form, values, _ = read_objects(path)
    pairs = [unwrap(value, position) for position, value in values]
    if not pairs:
        return []
    position, first, wrapped = pairs[0]
    columns = choose_columns(list(first), given, known, position, wrapped)
    if not labelled:
        columns[1] = None
    elif not any(given):
        require_same_keys(pairs, columns)
    rows: Rows = [(p, get_text(texts, columns[0], p) or "", get_text(texts, columns[1], p)) for p, texts, _ in pairs]
    keys = dict.fromkeys(key for _, texts, _ in pairs for key in texts)
    outer = dict.fromkeys(key for (_, value), (_, texts, _) in zip(values, pairs) if value is not texts for key in value)
    summary.format, summary.options = form, ["source", "target", "empty"]
    summary.columns = {role: name for role, name in zip(("source", "target"), columns) if name is not None}
    summary.unused = [key for key in keys if key not in columns] + [key for key in outer if key != WRAPPER]
    if None not in columns and not any(given) and not any(map(is_usual, summary.columns.values())) and columns != list(known):
        warn_of_order(pairs, columns, summary)
    return rows


def unwrap(value: Any, position: str) -> Pair:
    """Return the object that holds the texts. ValueError that names the position if there is none."""
    texts = value.get(WRAPPER) if isinstance(value, dict) else value
    if isinstance(texts, dict):
        return position, texts, True
    if not isinstance(value, dict) or not isinstance(texts, str | None):
        raise ValueError(f"{position}: expected an object with 'source' and 'target', or two languages, got {str(value)[:40]!r}")
    return position, value, False


def require_same_keys(pairs: Sequence[Pair], columns: Names) -> None:
    """Raise ValueError that names the position of an object with a language, source or target that the first does not have."""
    _, first, wrapped = pairs[0]
    for position, texts, own_wrapped in pairs:
        other = [key for key in texts if key not in first and (is_language(key, wrapped) or is_usual(key))]
        if other or own_wrapped != wrapped:
            expected = quote_names(name for name in columns if name is not None)
            raise ValueError(f"{position}: expected {expected} as in the first example, got {quote_names(texts)}")


def get_text(texts: dict[str, Any], name: str | None, position: str) -> str | None:
    """Return the text under a key without spaces around it; None for null, or without a key.

    ValueError that names the position if the key is missing, or holds something else.
    """
    if name is None:
        return None
    if name not in texts:
        raise ValueError(f"{position}: {name!r} is missing, which the first example has; got {quote_names(texts)}")
    if not isinstance(texts[name], str | None):
        raise ValueError(f"{position}: {name!r} must be a text, not {str(texts[name])[:40]!r}")
    return None if texts[name] is None else texts[name].strip()


def warn_of_order(pairs: Sequence[Pair], columns: Names, summary: FileSummary) -> None:
    """Warn if the first example's order decides the direction, and others have another order."""
    others = sum([key for key in texts if key in columns] != list(columns) for _, texts, _ in pairs)
    if others:
        summary.warn(
            f"{columns[0]!r} comes first in the first example, and {columns[1]!r} in {others:,} of {len(pairs):,}; all are read "
            f"from {columns[0]} to {columns[1]}, unless the options source and target name them"
        )
