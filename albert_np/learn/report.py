"""The result of a check: which tensors are right, and what the wrong ones look like."""

from dataclasses import dataclass, field
from html import escape
from typing import Any

MARKS = {"right": "ok", "wrong": "WRONG", "missing": "missing", "todo": "to do", "note": "note"}


@dataclass(frozen=True)
class Item:
    """One line of a report.

    status: "right", "wrong", "missing" (not computed), "todo" (a `...` is still there) or "note". step: a step on the way, which
    is shown but not required.
    """

    name: str
    status: str
    note: str = ""
    step: bool = False


@dataclass
class Report:
    """The result of a check. `passed` says whether the exercise is solved; `str(report)` is the whole report.

    items      what was graded, in order.
    diagnosis  sentences on what the wrong results look like; each of them fits the student's numbers.
    error      why the code could not be run at all; "" if it could.
    printed    what the student's code printed.
    """

    exercise: str
    title: str = ""
    items: list[Item] = field(default_factory=list)
    diagnosis: list[str] = field(default_factory=list)
    error: str = ""
    printed: str = ""
    advice: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything that is required is right."""
        required = [item for item in self.items if not item.step and item.status != "note"]
        return not self.error and bool(required) and all(item.status == "right" for item in required)

    @property
    def score(self) -> tuple[int, int]:
        """(number of right items, number of items), steps on the way not counted."""
        required = [item for item in self.items if not item.step and item.status != "note"]
        return sum(item.status == "right" for item in required), len(required)

    @property
    def verdict(self) -> str:
        """The report in one line."""
        if self.error:
            return f"{self.exercise or 'your file'}: not graded"
        count, total = self.score
        if self.passed:
            return f"{self.exercise}: solved"
        if any(item.status == "todo" for item in self.items):
            return f"{self.exercise}: not finished, {count} of {total} right"
        return f"{self.exercise}: {count} of {total} right"

    def __str__(self) -> str:
        lines = [self.verdict]
        if self.error:
            lines += ["", self.error]
        if self.items:
            width = max(len(item.name) for item in self.items)
            lines.append("")
            for item in self.items:
                note = ", ".join(filter(None, ("a step on the way" if item.step else "", item.note)))
                lines.append(f"  {item.name.ljust(width)}  {MARKS[item.status].ljust(7)}  {note}".rstrip())
        if self.diagnosis:
            lines += ["", *self.diagnosis]
        if self.printed:
            lines += ["", "Your code printed:", *(f"  | {line}" for line in self.printed.splitlines()[:20])]
        if self.advice:
            lines += ["", self.advice]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        # on white and on black alike, at least 3.5 to 1
        colours = {"right": "#2a8f45", "wrong": "#e5484d", "missing": "#b0741a", "todo": "#b0741a", "note": "inherit"}
        rows = "".join(
            f'<tr><td style="text-align:left"><code>{escape(item.name)}</code></td>'
            f'<td style="text-align:left;font-weight:bold;color:{colours[item.status]}">{MARKS[item.status]}</td>'
            f'<td style="text-align:left">{escape(", ".join(filter(None, ("a step" if item.step else "", item.note))))}</td></tr>'
            for item in self.items
        )
        paragraphs = [self.error, *self.diagnosis, self.advice]
        text = "".join(f"<p>{escape(each)}</p>" for each in paragraphs if each)
        printed = f"<p>Your code printed:</p><pre>{escape(self.printed)}</pre>" if self.printed else ""
        return f"<p><b>{escape(self.verdict)}</b></p><table>{rows}</table>{text}{printed}"

    def to_dict(self) -> dict[str, Any]:
        """Return a dict for JSON."""
        return {
            "exercise": self.exercise, "title": self.title, "passed": self.passed, "score": list(self.score),
            "items": [vars(item) for item in self.items], "diagnosis": self.diagnosis, "error": self.error,
            "printed": self.printed, "advice": self.advice,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Report":
        """Return the report that `to_dict` made this of."""
        items = [Item(**item) for item in values["items"]]
        names = "exercise title diagnosis error printed advice".split()
        return cls(items=items, **{name: values[name] for name in names})
