"""Labels of questions with choices: an index from 0 or 1, a letter, the name that the file gives a choice, or its text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from albert_np.data.formats.choice_entries import Entry
from albert_np.data.formats.objects import parse_whole_number
from albert_np.data.formats.summary import FileSummary
from albert_np.io.files import DataError

KINDS = ("index", "letter", "text")
LETTER = re.compile(r"\(?([A-Za-z])[).:]?")
MISSING = ("", "-1", "nan", "none", "null", "?")  # texts that stand for no label, in lower case
ENOUGH = 20  # labels without a 0, from which on it is doubtful that they count from 0


@dataclass(frozen=True)
class LabelRules:
    """Options of labels. kind: one of `KINDS`; count_from: 0 or 1; None: inferred from all labels of a file."""

    kind: str | None = None
    count_from: int | None = None


def resolve_labels(
    entries: Sequence[Entry], places: Sequence[int | str], rules: LabelRules, summary: FileSummary, have_key: bool = True
) -> tuple[list[int | None], int | None]:
    """Return the index of the right choice of each entry, None without a label, and the number of the first choice, 0 or 1.

    A label may be the name that its file gives a choice (ARC's "A" or "1"), an index, a letter, or the text of a choice. The kind
    is the one that fits all labels of the file; if there are several they must agree, otherwise each label must fit one alone.
    Indices count from 0, unless none is 0 and one is as large as the number of choices: then from 1. The number is None if no
    label is an index. have_key: the file has labels, so those that are missing are counted in the summary.

    DataError that names the position for a label that fits no choice, or several.
    """
    labelled = [i for i, entry in enumerate(entries) if entry.answer is None and not is_missing(entry)]
    for entry, place in zip(entries, places):
        if have_key and entry.answer is None and is_missing(entry):
            summary.leave_out("without a label", place)
    first = rules.count_from if rules.count_from is not None else infer_first([entries[i] for i in labelled])
    fitting = {i: find_fitting(entries[i], first) for i in labelled}
    if rules.kind is not None:
        fitting = {i: {kind: k for kind, k in each.items() if kind in (rules.kind, "name")} for i, each in fitting.items()}
    common = set.intersection(*(set(each) for each in fitting.values())) if fitting else set()
    answers = [entry.answer for entry in entries]
    for i, each in fitting.items():
        candidates = {each[kind] for kind in common} or set(each.values())
        if len(candidates) != 1:
            raise DataError(describe_misfit(entries[i], each, first, rules))
        answers[i] = candidates.pop()
    are_indices = any("index" in each for each in fitting.values()) and not common - {"index"}
    if are_indices and rules.count_from is None:
        warn_of_first(entries, answers, summary)
    return answers, first if are_indices else None


def is_missing(entry: Entry) -> bool:
    """Return whether an entry has no label: null, nothing, NaN or -1, or a word for it that is not one of the choices."""
    label = entry.label
    if isinstance(label, str):
        text = label.strip()
        return text.lower() in MISSING and (not text or text not in map(str.strip, (*entry.choices, *entry.names)))
    return label is None or label != label or label == -1


def infer_first(entries: Sequence[Entry]) -> int:
    """Return 1 if no label is the index 0 and one is the number of its choices, else 0."""
    numbers = [(parse_whole_number(entry.label)[0], entry) for entry in entries if find_name(entry) is None]
    indices = [(number, len(entry.choices)) for number, entry in numbers if number is not None]
    return int(bool(indices) and all(number > 0 for number, _ in indices) and any(number == n for number, n in indices))


def find_name(entry: Entry) -> int | None:
    """Return the index of the choice that the file calls by the label, if its choices have names."""
    label, names = str(entry.label).strip(), [name.strip() for name in entry.names]
    if label in names:
        return names.index(label)
    return [name.lower() for name in names].index(label.lower()) if label.lower() in map(str.lower, names) else None


def find_fitting(entry: Entry, first: int) -> dict[str, int]:
    """Return {kind: index of the choice} for each kind of label that the entry's label may be."""
    if (i := find_name(entry)) is not None:
        return {"name": i}
    label, n = entry.label, len(entry.choices)
    fitting: dict[str, int] = {}
    number = parse_whole_number(label)[0]
    if number is not None and first <= number < first + n:
        fitting["index"] = number - first
    if isinstance(label, str):
        letter = LETTER.fullmatch(label.strip())
        if letter is not None and ord(letter[1].upper()) - ord("A") < n:
            fitting["letter"] = ord(letter[1].upper()) - ord("A")
        texts = [choice.strip() for choice in entry.choices]
        if label.strip() in texts:
            fitting["text"] = texts.index(label.strip())
    return fitting


def describe_misfit(entry: Entry, fitting: dict[str, int], first: int, rules: LabelRules) -> str:
    """Return the message for a label that fits no choice, or several."""
    n, label = len(entry.choices), repr(entry.label)[:60]
    if fitting:
        meanings = " or ".join(f"the {kind} of choice {i + 1}" for kind, i in fitting.items())
        return f"{entry.position}: the label {label} may be {meanings} (option label_kind)"
    kinds = {
        "index": f"a number from {first} to {first + n - 1}",
        "letter": f"a letter from A to {chr(ord('A') + n - 1)}" if n <= 26 else "a letter",
        "text": "the text of a choice",
    }
    names = [f"one of {', '.join(map(repr, entry.names[:10]))}"] if entry.names else []
    expected = " or ".join(names + [words for kind, words in kinds.items() if rules.kind in (None, kind)])
    return f"{entry.position}: the label is {label}, of {n} choices: expected {expected} (options label, label_kind, count_from)"


def warn_of_first(entries: Sequence[Entry], answers: Sequence[int | None], summary: FileSummary) -> None:
    """Warn if labels are taken as counted from 0, and the first choice is never the right one."""
    indices = [answer for entry, answer in zip(entries, answers) if answer is not None]
    if len(indices) >= ENOUGH and min(indices) > 0:
        summary.warn("its labels are taken as counted from 0, and none is 0 (option count_from=1 counts from 1)")
