"""The entries of a file of questions with choices: one object, or row, is one question, or several about a passage."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from albert_np.data.formats.choice_forms import Keys
from albert_np.data.formats.objects import get_id, quote_names
from albert_np.io.files import DataError

COPA_QUESTIONS = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}


class Entry(NamedTuple):
    """A question as it is in a file.

    names   the names that the file gives the choices; () if none
    label   as it is written; None if there is none
    answer  the index of the right choice where the form shows it without a label
    """

    position: str
    context: str
    question: str
    choices: tuple[str, ...]
    names: tuple[str, ...]
    label: Any
    id: str | None
    group: str
    answer: int | None = None


def make_entries(position: str, value: dict[str, Any], form: str, keys: Keys) -> Iterator[Entry]:
    """Yield the questions of an object: one, or in RACE's files all those of a passage. DataError that names the position."""
    question = value.get(keys.question or "")
    if form == "race" and isinstance(question, list):
        yield from split_passage(position, value, keys)
    else:
        yield make_entry(position, value, form, keys)


def split_passage(position: str, value: dict[str, Any], keys: Keys) -> Iterator[Entry]:
    """Yield the questions of one of RACE's passages, which has a list for each role."""
    lists = {str(keys.question): None, keys.choices[0]: None} | ({keys.label: None} if keys.label in value else {})
    for key in lists:
        if not isinstance(value.get(key), list):
            raise DataError(
                f"{position}: {key!r} must be a list with an entry for each question, not {str(value.get(key))[:40]!r}"
            )
    numbers = [len(value[key]) for key in lists]
    if len(set(numbers)) > 1:
        counts = " and ".join(map(str, numbers))
        raise DataError(f"{position}: {quote_names(lists)} must have an entry for each question, not {counts}")
    for i in range(numbers[0]):
        yield make_entry(f"{position}: {keys.question}[{i}]", {**value, **{key: value[key][i] for key in lists}}, "race", keys)


def make_entry(position: str, value: dict[str, Any], form: str, keys: Keys) -> Entry:
    """Return the entry of an object with one question. DataError that names the position."""
    context, question = (get_text(position, value, key) for key in (keys.context, keys.question))
    choices, names = get_choices(position, value, keys)
    answer = None
    if keys.gold is not None:
        choices, answer = mix_in(get_text(position, value, keys.gold), choices)
    if len(choices) < 2:
        raise DataError(f"{position}: expected two choices or more, got {len(choices)}")
    if form == "copa":
        if question.strip().lower() not in COPA_QUESTIONS:
            raise DataError(f"{position}: {keys.question!r} must be cause or effect, as in COPA, not {question[:40]!r}")
        question = COPA_QUESTIONS[question.strip().lower()]
    name = get_id(value, keys.id, position) or None
    label = value.get(keys.label) if keys.label is not None else None
    if not isinstance(label, str | int | float | None) or isinstance(label, bool):
        raise DataError(f"{position}: {keys.label!r} must be one label, a text or a number, not {str(label)[:40]!r}")
    return Entry(position, context, question, choices, names, label, name, get_group(position, value, form, keys), answer)


def get_text(position: str, value: dict[str, Any], key: str | None) -> str:
    """Return the text under a key, "" without one; a number is written as a text. DataError for anything else."""
    given = None if key is None else value.get(key)
    if isinstance(given, int | float) and not isinstance(given, bool):
        return "" if given != given else str(given)
    if not isinstance(given, str | None):
        raise DataError(f"{position}: {key!r} must be a text, not {str(given)[:40]!r}")
    return given or ""


def get_choices(position: str, value: dict[str, Any], keys: Keys) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the choices of an object and the names that it gives them, () if none.

    A list of texts, of {"text": ..., "label": ...}, {"text": [...], "label": [...]}, or a text under each key: the last of these
    may be blank.
    """
    if len(keys.choices) > 1 or keys.gold is not None:
        texts = [get_text(position, value, key) for key in keys.choices]
        while texts and not texts[-1].strip():
            texts.pop()
        return tuple(texts), ()
    key = keys.choices[0]
    given: Any = value.get(key)
    names: Any = ()
    if isinstance(given, dict) and {"text", "label"} <= set(given):
        given, names = given["text"], given["label"]
    elif isinstance(given, dict):  # {"A": "a choice", "B": ...}
        given, names = list(given.values()), list(given)
    elif isinstance(given, list) and given and all(isinstance(each, dict) for each in given):
        if not all("text" in each for each in given):
            raise DataError(f"{position}: each of {key!r} must have a 'text', got {str(given)[:60]!r}")
        names = [each["label"] for each in given] if all("label" in each for each in given) else ()
        given = [each["text"] for each in given]
    if not isinstance(given, list) or not all(is_text(each) for each in given):
        raise DataError(f"{position}: {key!r} must be a list of texts, not {str(given)[:40]!r}")
    named = isinstance(names, list) and len(names) == len(given) and all(map(is_text, names))
    if not named and names != ():
        raise DataError(f"{position}: the labels of {key!r} must be as many as its texts, {len(given)}, not {str(names)[:40]!r}")
    return tuple(map(str, given)), tuple(map(str, names))


def is_text(value: Any) -> bool:
    """Return whether a value is a text, or a number, which is written as one."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def mix_in(right: str, others: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Return all choices in an order that does not show the right one, and its index: by a checksum of their texts."""
    choices = sorted((right, *others), key=lambda text: (zlib.crc32(text.encode()), text))
    return tuple(choices), choices.index(right)


def get_group(position: str, value: dict[str, Any], form: str, keys: Keys) -> str:
    """Return the group of an object, "" if it has none; RACE's by the folder, or by the id, such as "high1.txt"."""
    group = get_text(position, value, keys.group).strip()
    if form == "race" and keys.group in (None, "folder"):
        level = group or str(value.get(keys.id or "", ""))
        return "RACE-M" if level.startswith("middle") else "RACE-H" if level.startswith("high") else ""
    return group
