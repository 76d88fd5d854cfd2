"""What people see of a run, on stderr: a bar in a terminal; elsewhere a line every few seconds. Nothing is drawn by a thread.

A terminal may close and the reader of a pipe may end while the run goes on: from then on nothing is shown.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

from albert_np.training.callbacks import Callback

REFRESH = 0.2  # seconds between two drawings of the bar
LINE_EVERY = 10.0  # seconds between two lines where there is no terminal
WIDE = 100  # columns that the whole line needs; with fewer it is cut to what matters most


def _if_anybody_sees(method: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(method)
    def call(self: "Progress", *arguments: Any) -> None:
        if self._unseen:
            return
        try:
            method(self, *arguments)
        except OSError:
            self._unseen, self._bar = True, None

    return call


def _stderr() -> Any:
    from rich.console import Console

    class Stderr(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would end the program here

    return Stderr(stderr=True, highlight=False)


class Progress(Callback):
    """A bar with loss, accuracies, learning rate, tokens a second and the time left; NO_COLOR is respected.

    console: a rich Console; None: one on stderr.
    """

    def __init__(self, console: Any = None) -> None:
        self.console = console or _stderr()
        self._unseen = False
        self._bar: Any = None
        self._task: Any = None
        self._drawn = self._printed = -LINE_EVERY
        self._total = 0
        self._recent: list[dict[str, Any]] = []  # the last steps

    # ---- what the loop calls ----

    @_if_anybody_sees
    def start(self, first: int, total: int) -> None:
        self._end_bar()
        self._total, self._recent, self._printed = total, [], -LINE_EVERY
        self._begin_bar("", total, first)

    @_if_anybody_sees
    def step(self, record: dict[str, Any]) -> None:
        self._recent = [*self._recent[-50:], record]
        line = self._line(record)
        if self._bar is not None:
            self._bar.update(self._task, completed=record["step"], line=line, refresh=self._due(record["step"]))
        elif (len(self._recent) > 1 or self._total == 1) and self._due_line(record["step"] == self._total):
            self._say(f"step {record['step']}/{self._total} {line}")

    @_if_anybody_sees
    def evaluation(self, record: dict[str, Any]) -> None:
        text = f"held-out after step {record['step']}: MLM loss {record['mlm_loss']:.3f}, accuracy {record['mlm_accuracy']:.3f}"
        if "sop_accuracy" in record:
            text += f"; SOP accuracy {record['sop_accuracy']:.3f}"
        self._say(text)

    @_if_anybody_sees
    def tokenising(self, done: int, total: int) -> None:
        if self.console.is_terminal and self._bar is None and done < total:
            self._begin_bar("tokenising", total, 0)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, line=f"{done / 1e6:.1f}/{total / 1e6:.1f} MB", refresh=self._due(done))
            if done >= total:
                self._end_bar()
        elif self._due_line(False):
            self._say(f"tokenising: {done / 1e6:.1f} of {total / 1e6:.1f} MB")

    @_if_anybody_sees
    def note(self, text: str) -> None:
        self._say(text)

    @_if_anybody_sees
    def close(self) -> None:
        self._end_bar()

    # ---- how it looks ----

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def _begin_bar(self, title: str, total: int, done: int) -> None:
        if not self.console.is_terminal:
            return
        from rich import progress

        columns: list[Any] = [
            progress.TextColumn("{task.description}{task.completed}/{task.total}"),
            progress.TextColumn("{task.fields[line]}"),
        ]
        if self.console.width >= WIDE:
            columns.insert(1, progress.BarColumn(bar_width=None))
        if title:
            columns[0] = progress.TextColumn("{task.description}")
        self._bar = progress.Progress(*columns, console=self.console, auto_refresh=False, expand=self.console.width >= WIDE)
        self._task = self._bar.add_task(title, total=total, completed=done, line="")
        self._bar.start()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()
            self._bar = None

    def _due(self, done: int) -> bool:
        now = time.perf_counter()
        due = now - self._drawn >= REFRESH or done == self._total
        if due:
            self._drawn = now
        return due

    def _due_line(self, last: bool) -> bool:
        now = time.perf_counter()
        due = now - self._printed >= LINE_EVERY or last
        if due:
            self._printed = now
        return due

    def _line(self, record: dict[str, Any]) -> str:
        if record["loss"] is None:
            return "loss is not a number"
        first, last = self._recent[0], self._recent[-1]
        seconds = max(1e-9, last["seconds"] - first["seconds"])
        rate = sum(other["tokens"] for other in self._recent[1:]) / seconds
        left = clock_time((self._total - last["step"]) * seconds / max(1, last["step"] - first["step"]))
        sop = f" sop {record['sop_accuracy']:.2f}" if "sop_accuracy" in record else ""
        if self.console.is_terminal and self.console.width < WIDE:
            return f"loss {record['loss']:.2f}{sop} {left} left"
        return (
            f"loss {record['loss']:.3f} mlm {record['mlm_accuracy']:.3f}{sop} lr {record['lr']:.1e} "
            f"{rate:,.0f} tokens/s {left} left"
        )


class FinetuneProgress(Progress):
    """The same for fine-tuning: loss, accuracy where there is one, and the score of each epoch."""

    @_if_anybody_sees
    def evaluation(self, record: dict[str, Any]) -> None:
        name, score = list(record.items())[-1]
        self._say(f"epoch {record['epoch']}: {name} {score:.4f}")

    def _line(self, record: dict[str, Any]) -> str:
        first, last = self._recent[0], self._recent[-1]
        seconds = max(1e-9, last["seconds"] - first["seconds"])
        rate = sum(other["tokens"] for other in self._recent[1:]) / seconds
        left = clock_time((self._total - last["step"]) * seconds / max(1, last["step"] - first["step"]))
        accuracy = f" accuracy {record['accuracy']:.3f}" if "accuracy" in record else ""
        if self.console.is_terminal and self.console.width < WIDE:
            return f"loss {record['loss']:.3f} {left} left"
        return f"loss {record['loss']:.3f}{accuracy} {rate:,.0f} tokens/s {left} left"


def clock_time(seconds: float) -> str:
    """75 -> "1:15", 3700 -> "1:01:40" """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
