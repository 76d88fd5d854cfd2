"""The labels in a column, or under a key of JSON: texts, numbers, lists, multi-hot vectors, and those that are missing."""

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Any

from albert_np.data.formats.lines import FilePath
from albert_np.data.formats.summary import FileSummary
from albert_np.io.files import DataError

INTEGER = re.compile(r"(-?[0-9]+)(\.0*)?")
FEWEST_CLASSES = 3  # beside -1, for which -1 is taken for a missing label rather than for a class

Label = Any  # a text, a number, a list of texts, or None


def read_labels(
    path: FilePath, values: Sequence[tuple[int, Any]], column: str, separator: str | None, missing: Sequence[str] | None,
    summary: FileSummary,
) -> list[Label]:  # fmt: skip
    """Return the labels of a column: a text without spaces around it, a number, a list of texts, or None.

    values      (line number, value) of each example
    separator   of several labels in one text; None: a text is one label
    missing     texts that stand for no label. None: "nan" and, under "gold_label", "-" (SNLI's); -1 if all labels are integers
                and there are at least three others from 0 on, or no others (SNLI, GLUE's tests in Hugging Face's form)

    A blank cell and JSON's null are no labels. If all others are lists in brackets, "['a', 'b']" or "[0, 1]", they are read as
    such. Vectors of zeros and ones, all of one length, become the lists of their ones' positions. What was left out is recorded
    in the summary. ValueError that names the file and the line for other values.
    """
    if lists := parse_lists([value for _, value in values]):
        values = [(line, each) for (line, _), each in zip(values, lists)]
        summary.format += ", labels are lists in brackets"
    vectors = [value for _, value in values if isinstance(value, list)]
    if is_multihot(vectors):
        values = [(line, [i for i, on in enumerate(v) if on] if isinstance(v, list) else v) for line, v in values]
        summary.format += f", labels are multi-hot vectors of {len(vectors[0])}"
    labels = [clean_label(value, separator, f"{path}:{line}") for line, value in values]
    marks = set(missing) if missing is not None else usual_marks(labels, column, summary)
    for i, (line, _) in enumerate(values):
        text = labels[i] if isinstance(labels[i], str) else str(labels[i])
        if labels[i] is None or text == "":
            labels[i] = None
            summary.leave_out("without a label", line)
        elif text in marks and not isinstance(labels[i], list):
            labels[i] = None
            summary.leave_out(f"with {text!r} for no label", line)
            summary.options += ["missing"] * ("missing" not in summary.options)
    return labels


def parse_lists(values: Sequence[Any]) -> list[Any]:
    """Return the lists that all texts are, as pandas and NumPy write them, blank cells as they are; [] if some are not lists."""
    lists: list[Any] = []
    for value in values:
        text = value.strip() if isinstance(value, str) else ""
        if not isinstance(value, str | None):
            return []
        if not text:
            lists.append(value)
            continue
        items = parse_list(text)
        if items is None:
            return []
        lists.append(items)
    return lists if any(isinstance(each, list) for each in lists) else []


def parse_list(text: str) -> list[Any] | None:
    """Return the list of texts or numbers that a text such as "['a', 'b']", "[0, 1]" or "[0 1]" stands for; None for another."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    if re.fullmatch(r"\[\s*[01]\.?(\s+[01]\.?)*\s*\]", text):
        return [int(float(number)) for number in text[1:-1].split()]
    try:
        items = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return items if isinstance(items, list) and all(isinstance(item, str | int | float) for item in items) else None


def clean_label(label: Any, separator: str | None, position: str) -> Label:
    """Return a label in one of the forms of `read_labels`, missing ones as they are written. ValueError for anything else."""
    if isinstance(label, str):
        label = label.strip()
        return label if separator is None else [part.strip() for part in label.split(separator) if part.strip()]
    if isinstance(label, list) and all(isinstance(part, str | int) for part in label):
        return list(dict.fromkeys(str(part).strip() for part in label))
    if isinstance(label, float) and label != label:
        return "nan"
    if label is None or (isinstance(label, int | float) and abs(label) != float("inf")):
        return label
    raise DataError(f"{position}: a label must be a text, a number or a list of texts, not {label!r}")


def is_multihot(vectors: Sequence[list[Any]]) -> bool:
    """Return whether all lists are zeros and ones, of one length, two or more."""
    if not vectors or len({len(vector) for vector in vectors}) != 1 or len(vectors[0]) < 2:
        return False
    return all(isinstance(part, int | float) and part in (0, 1) for vector in vectors for part in vector)


def usual_marks(labels: Iterable[Label], column: str, summary: FileSummary) -> set[str]:
    """Return the texts that stand for no label where no option names them, see `read_labels`."""
    marks = {"nan", "NaN"} | ({"-"} if column.strip().lower() == "gold_label" else set())
    different = {str(label) for label in labels if label is not None and not isinstance(label, list)} - marks - {""}
    integers = {label: INTEGER.fullmatch(label) for label in different}
    if different and all(integers.values()):
        values = {label: int(match[1]) for label, match in integers.items() if match}
        minus_one, others = {label for label in values if values[label] == -1}, {v for v in values.values() if v != -1}
        if minus_one and (not others or (min(others) == 0 and len(others) >= FEWEST_CLASSES)):
            marks |= minus_one
        elif minus_one and others == {0, 1}:
            summary.warn("-1 is a class beside 0 and 1: if it stands for no label, say so (option missing=-1)")
    return marks


def join_columns(path: FilePath, line: int, row: dict[str, Any], names: Sequence[str]) -> list[str]:
    """Return the names of the columns that hold a one in this row. ValueError for anything but zeros and ones."""
    labels = []
    for name in names:
        text = str(row.get(name)).strip().lower()
        if text not in ("0", "1", "0.0", "1.0", "true", "false"):
            raise DataError(f"{path}:{line}: {name!r} must be 0 or 1, as a column of labels, not {row.get(name)!r}")
        if text in ("1", "1.0", "true"):
            labels.append(name)
    return labels
