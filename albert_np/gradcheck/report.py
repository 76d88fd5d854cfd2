"""Run all gradient checks and print their results as a table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from albert_np.core import reference
from albert_np.gradcheck import layer_checks, model_checks, task_checks  # noqa: F401  (they fill CHECKS)
from albert_np.gradcheck.registry import CHECKS
from albert_np.gradcheck.tensor import Row


@dataclass(frozen=True)
class Report:
    """The results of the check of one layer or configuration: its name, and a `Row` for each tensor."""

    name: str
    rows: list[Row]

    def __repr__(self) -> str:
        failed = [str(row) for row in self.rows if not row.passed][:3]
        count = sum(row.passed for row in self.rows)
        return "\n".join([f"Report({self.name!r}: {count} of {len(self.rows)} passed)", *failed])

    def _repr_html_(self) -> str:
        from albert_np.io.html import make_table

        count = sum(row.passed for row in self.rows)
        errors = ["" if row.error != row.error else f"{row.error:.1e}" for row in self.rows]
        verdicts = ["ok" if row.passed else "FAILED" for row in self.rows]
        rows = [(row.name, row.shape, *each, row.note) for row, *each in zip(self.rows, errors, verdicts)]
        head = "tensor", "shape", "relative error", "verdict", ""
        return make_table(rows, head, f"{self.name}: {count} of {len(self.rows)} passed")

    @property
    def passed(self) -> bool:
        """Whether all tensors passed, and there is at least one."""
        return bool(self.rows) and all(row.passed for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return a dict for JSON; numbers that are not finite are null."""
        return {"name": self.name, "passed": self.passed, "tensors": [_to_dict(row) for row in self.rows]}


def _to_dict(row: Row) -> dict[str, Any]:
    numbers = {key: getattr(row, key) for key in ("error", "numeric", "analytic")}
    finite = {key: value if abs(value) < float("inf") else None for key, value in numbers.items()}  # JSON has no NaN
    worst = None if row.worst is None else list(row.worst)
    return {"name": row.name, "shape": list(row.shape), **finite, "passed": row.passed, "worst": worst, "note": row.note}


def everything(seed: int = 0, names: Iterable[str] = CHECKS) -> Iterator[Report]:
    """Check every layer, every head, and the whole model in all configurations: the reference, then the kernels.

    names: keys of `CHECKS` to run, by default all, which takes about a minute. Yields each `Report` as soon as it is there.
    """
    for name in names:
        for title, only_reference in ((name, True), (f"{name} · kernels", False)):
            with reference(only_reference):
                rows = list(CHECKS[name](seed))
            yield Report(title, rows)


def print_table(reports: Iterable[Report], console: Any = None) -> bool:
    """Print each report, as soon as it is computed, as rows of a table: layer or tensor, shape, relative error, verdict.

    console: a rich console; by default one on standard output. Return whether all checks passed.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    console.print(f"[bold]{'layer or tensor':<46}{'shape':>9}{'relative error':>16}  verdict[/bold]")
    counts = {True: 0, False: 0}
    for report in reports:
        table = Table.grid(padding=(0, 0))
        for width, justify in ((46, "left"), (9, "right"), (16, "right")):  # 80 columns with the verdict
            table.add_column(width=width, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column()
        table.add_row(Text(report.name, "bold"), "", f"{max(row.error for row in report.rows):.1e}", _verdict(report.passed, ""))
        for row in report.rows:
            at = "" if row.passed or row.worst is None else f" {list(row.worst)}"
            error = "" if row.error != row.error else f"{row.error:.1e}"
            note = row.note if console.width > 100 or not row.passed else ""
            table.add_row(f"  {row.name}{at}", "×".join(map(str, row.shape)), error, _verdict(row.passed, note))
            counts[row.passed] += 1
        console.print(table)
    total = sum(counts.values())
    console.print(f"{counts[True]} of {total} gradients agree with central differences to 1e-6, float64")
    return counts[False] == 0 and total > 0


def _verdict(passed: bool, note: str) -> Any:
    from rich.text import Text

    return Text("  ok" if passed else "  FAILED", "green" if passed else "bold red").append(f"  {note}" if note else "", "dim")
