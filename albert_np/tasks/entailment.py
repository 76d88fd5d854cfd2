"""The classes of a model of natural language inference: which of its labels means entailment, and which the opposite."""

from collections.abc import Sequence

from albert_np.tasks.inferred import describe_labels

ENTAILMENT, CONTRADICTION = "entail", "contradict"  # beginnings of their names, in any case
NEEDED = (
    "zero-shot needs one trained on pairs of texts labelled entailment, neutral, contradiction (or entailment, not_entailment)"
)


def find_classes(labels: Sequence[str], entailment: str | None, contradiction: str | None) -> tuple[int, int | None]:
    """Return the indices of entailment and of contradiction among the labels of a model, by their names or as they are given.

    The other one of two labels stands for contradiction; of more, it is None if none is named so.

    Raises ValueError if there is no class of entailment, and for a given one that is neither a label nor an index.
    """
    first, second = (
        _find(labels, entailment, "entailment", ENTAILMENT),
        _find(labels, contradiction, "contradiction", CONTRADICTION),
    )
    if first is None:
        raise ValueError(
            f"the model has the labels {describe_labels(labels)}, of which none begins with {ENTAILMENT!r}: {NEEDED}; if one of "
            "its labels means entailment, name it, `options={'entailment': NAME}`"
        )
    if second is None and len(labels) == 2:
        second = 1 - first
    if second == first:
        raise ValueError(f"entailment and contradiction are the same label of the model, {labels[first]!r}")
    return first, second


def _find(labels: Sequence[str], given: str | None, option: str, beginning: str) -> int | None:
    """Return the index of the label that is given, by its name or its index, or whose name begins so; None if there is none."""
    if given is None:
        found = [i for i, label in enumerate(labels) if label.lower().startswith(beginning)]
        if len(found) > 1:
            names = ", ".join(labels[i] for i in found)
            raise ValueError(f"{len(found)} labels of the model begin with {beginning!r}, {names}: name one (option {option})")
        return found[0] if found else None
    if given in labels:
        return labels.index(given)
    if given.isdecimal() and int(given) < len(labels):
        return int(given)
    raise ValueError(
        f"the option {option} must be one of the model's labels, {describe_labels(labels)}, or its index, not {given!r}"
    )


def is_contradiction(label: str) -> bool:
    """Return whether a label is named as a contradiction."""
    return label.lower().startswith(CONTRADICTION)
