"""Names of classes and their indices, which classification and relations share."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from albert_np.metrics import confusion

MAX_MATRIX = 5000  # classes of a confusion matrix: 200 MB


def sort_labels(labels: Iterable[str]) -> list[str]:
    """Return the different labels, numbers first in numerical order, then the others in alphabetical order."""
    return sorted(set(labels), key=lambda label: (0, int(label), label) if label.isdecimal() else (1, 0, label))


def count_labels(labels: Iterable[str]) -> dict[str, int]:
    """Return {label: how often it occurs}, in the order of `sort_labels`."""
    counts = Counter(labels)
    return {label: counts[label] for label in sort_labels(counts)}


def label_index(label: str, labels: list[str]) -> int | None:
    """Return the index of a label, or None if the training examples did not have it."""
    return labels.index(label) if label in labels else None


def extend_labels(labels: list[str], gold: Iterable[str]) -> list[str]:
    """Return the learned labels followed by those that occur only in `gold`, with a warning that names the latter."""
    known = set(labels)
    unknown = [label for label in sort_labels(gold) if label not in known]
    if unknown:
        names = ", ".join(map(repr, unknown))
        warnings.warn(
            f"labels that do not occur in the training examples, so the model cannot predict them: {names}", stacklevel=2
        )
    return [*labels, *unknown]


def warn_of_one_label(labels: Sequence[Any]) -> None:
    """Warn if all training examples have the same label: a model then learns to give it always."""
    if labels and all(label == labels[0] for label in labels):
        having = (
            f"all {len(labels):,} training examples have the same" if len(labels) > 1 else "the only training example has the"
        )
        warnings.warn(f"{having} label, {labels[0]!r}", stacklevel=3)


def most_common_label(labels: Iterable[str]) -> str:
    """Return the most frequent label; ties go to the first in alphabetical order."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label))


def probabilities_by_label(labels: list[str], p: np.ndarray) -> dict[str, float]:
    """Return {label: probability}, rounded to six digits."""
    return {label: round(float(q), 6) for label, q in zip(labels, p)}


def confusion_matrix(gold: list[str], answers: Sequence[Mapping[str, Any]], labels: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return the counts (C, C), a row per gold label and a column per answer, and the C labels, unknown gold labels last.

    ValueError for more than `MAX_MATRIX` labels.
    """
    known = set(labels)
    labels = [*labels, *(label for label in sort_labels(gold) if label not in known)]
    if len(labels) > MAX_MATRIX:
        raise ValueError(f"a confusion matrix has at most {MAX_MATRIX:,} classes, and there are {len(labels):,}")
    index = {label: i for i, label in enumerate(labels)}
    return confusion([index[label] for label in gold], [index[answer["label"]] for answer in answers], len(labels)), labels
