"""Summary of a file of examples in one line: format, columns, number of examples, and the rows left out, with the reason."""

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
SHOWN = 5  # labels, and unused columns, that the line names


@dataclass
class FileSummary:
    """Summary of one file of examples.

    file       its path, or the name of the argument for examples that were given in Python
    format     "tab-separated, header in line 1"
    columns    {role: column or key as the file names it}: {"text": "question", "pair": "sentence", "label": "label"}
    unused     columns or keys that were not used
    options    names of the task's options that override these choices
    examples   their number; unit: what one of them is; position: what integers in `left_out` count
    left_out   {reason: (count, position of the first)}
    notes      the same of what was read in a way that is not obvious
    labels     set by the task: {"kind": "classes", "counts": {label: count}}, or {"kind": "number", "from": ..., "to": ...,
               "mean": ...}
    warnings   choices that are probably wrong
    """

    file: str
    format: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    examples: int = 0
    unit: str = "example"
    position: str = "line"
    left_out: dict[str, tuple[int, Any]] = field(default_factory=dict)
    notes: dict[str, tuple[int, Any]] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def leave_out(self, reason: str, position: Any) -> None:
        """Count something that is left out. reason: "without a label", as in "3 without a label"; position: line number or id."""
        count, first = self.left_out.get(reason, (0, position))
        self.left_out[reason] = (count + 1, first)

    def note(self, text: str, position: Any) -> None:
        """Count something that is read in a way that is not obvious. text: "without an id: numbered"; position: as above."""
        count, first = self.notes.get(text, (0, position))
        self.notes[text] = (count + 1, first)

    def warn(self, text: str) -> None:
        """Record a choice that is probably wrong, and issue it as a warning that begins with the file's name."""
        self.warnings.append(text)
        warnings.warn(f"{self.file}: {text}", stacklevel=3)

    def describe(self) -> str:
        """Return the summary in one line, without the warnings."""
        clauses = [self.format] if self.format else []
        if self.columns:
            clauses.append(", ".join(f"{role} = {cut(column)}" for role, column in self.columns.items()))
        if self.unused:
            clauses.append(f"unused: {shorten(map(cut, self.unused))}")
        clauses.append(count_noun(self.examples, self.unit))
        if self.labels:
            clauses.append(describe_labels(self.labels))
        for reason, (count, first) in [*self.left_out.items(), *self.notes.items()]:
            clauses.append(f"{count:,} {reason} (first: {f'{self.position} ' if isinstance(first, int) else ''}{first})")
        if self.options:
            clauses.append(f"options: {', '.join(self.options)}")
        return f"{self.file}: {'; '.join(clauses)}"

    def _repr_html_(self) -> str:
        from albert_np.io.html import make_table

        counted = [f"{count:,} {reason} (first: {first})" for reason, (count, first) in {**self.left_out, **self.notes}.items()]
        rows = {
            "format": self.format,
            "columns": ", ".join(f"{role} = {column}" for role, column in self.columns.items()),
            "unused": ", ".join(self.unused),
            f"{self.unit}s": self.examples,
            "labels": describe_labels(self.labels) if self.labels else "",
            "remarks": "; ".join(counted),
            "options": ", ".join(self.options),
            "warnings": "; ".join(self.warnings),
        }
        return make_table([(name, value) for name, value in rows.items() if value != ""], title=self.file)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        left_out, notes = (
            [{"reason": reason, "count": n, "first": first} for reason, (n, first) in counted.items()]
            for counted in (self.left_out, self.notes)
        )
        return {**vars(self), "left_out": left_out, "notes": notes}


class Examples(list[T]):
    """The examples of a file, a list, with the summary of what its reader understood."""

    def __init__(self, examples: Iterable[T], summary: FileSummary) -> None:
        super().__init__(examples)
        self.summary = summary
        summary.examples = len(self)

    def _repr_html_(self) -> str:
        """Return the summary and the first examples."""
        from albert_np.io.html import make_table

        return self.summary._repr_html_() + make_table([(number, repr(each)) for number, each in enumerate(self[:SHOWN])])


def get_summary(given: Any, examples: list[Any], name: str) -> FileSummary:
    """Return the summary of examples: that of their reader, or a new one for a list that was given in Python.

    given: the path or the list from which the examples were made; name: of the argument that it was.
    """
    if isinstance(examples, Examples):
        return examples.summary
    file = str(given) if isinstance(given, str | os.PathLike) else name
    return FileSummary(file, examples=len(examples))


def describe_labels(labels: dict[str, Any]) -> str:
    """{"kind": "classes", "counts": {"good": 20, "bad": 18}} -> "2 classes: good (20), bad (18)"."""
    kind = labels["kind"]
    if "counts" not in labels:
        return f"numbers from {labels['from']:.6g} to {labels['to']:.6g}, mean {labels['mean']:.6g}"
    counts = labels["counts"]
    noun = "class" if kind == "classes" else kind.removesuffix("s")
    return f"{count_noun(len(counts), noun, kind)}: {shorten(f'{cut(name)} ({count:,})' for name, count in counts.items())}"


def shorten(names: Iterable[str]) -> str:
    """Return the first `SHOWN` names, separated by commas, and the number of the others."""
    names = list(names)
    rest = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest


def cut(name: str, characters: int = 30) -> str:
    """Return a name on one line, with its end cut off if it has more characters."""
    name = " ".join(name.split())
    return name if len(name) <= characters else name[: characters - 3] + "..."


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """Return "1 example", "2 examples"; plural: where it is not the noun with an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
