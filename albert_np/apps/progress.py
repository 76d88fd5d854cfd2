"""Progress display of a run, on stderr: a bar in a terminal, elsewhere a line every ten seconds."""

import contextlib
import math
import sys
import time
from typing import Any, TextIO

from rich import progress
from rich.console import Console

from albert_np.training import Report
from albert_np.training.metrics import format_score

REFRESH = 0.2  # seconds between two drawings of the bar
LINE_EVERY = 10.0  # seconds between two lines where there is no terminal
WIDE = 100  # columns that the whole line needs; a narrower terminal gets the short one
FIGURES = {
    "loss": "loss {:.3f}", "accuracy": "accuracy {:.3f}", "mlm_accuracy": "mlm {:.3f}", "sop_accuracy": "sop {:.2f}",
    "lr": "lr {:.1e}",
}  # fmt: skip
SHORT_FIGURES = {"loss": "loss {:.2f}", "sop_accuracy": "sop {:.2f}"}


class Progress(Report):
    """Show steps, loss, accuracies, tokens per second and the time left, of pretraining and of fine-tuning.

    console: a rich Console; by default one on stderr, which drops its output once the terminal or the pipe is closed. NO_COLOR is
    respected. Nothing is drawn by a background thread.
    """

    def __init__(self, console: Console | None = None) -> None:
        stream: Any = DroppingStream(sys.stderr)
        self.console = console or Console(file=stream, highlight=False)
        self._bar: progress.Progress | None = None
        self._last_shown = -math.inf
        self._seconds = 0.0  # of the last step: losses are read for several steps at a time, so the clock would be wrong

    # ---- called by the trainer ----

    def start(self, first: int, total: int) -> None:
        """Begin with step first + 1 of `total`."""
        self.close()
        self._last_shown = -math.inf
        columns = [progress.TextColumn("{task.completed}/{task.total}"), progress.TextColumn("{task.fields[line]}")]
        self._bar = self._open_bar([*columns, *_time_left()], lambda: self._seconds)
        self._bar.add_task("", total=total, completed=first, line="")
        self._bar.add_task("", total=None, visible=False, line="")  # counts tokens

    def step(self, record: dict[str, Any]) -> None:
        """Show the figures of a step."""
        if self._bar is None:
            return
        self._seconds = record["seconds"]
        steps, tokens = self._bar.tasks
        self._bar.advance(tokens.id, record["tokens"])
        self._bar.update(steps.id, completed=record["step"], line=self._format_figures(record, tokens.speed))
        self._show("step ", record["step"] == steps.total)

    def evaluation(self, record: dict[str, Any]) -> None:
        """Print the scores of an evaluation on a line of their own."""
        if "mlm_loss" not in record:
            name, score = list(record.items())[-1]
            self.note(f"epoch {record['epoch']}: {name} {format_score(score)}")
            return
        text = f"held-out after step {record['step']}: MLM loss {record['mlm_loss']:.3f}, accuracy {record['mlm_accuracy']:.3f}"
        self.note(text + (f"; SOP accuracy {record['sop_accuracy']:.3f}" if "sop_accuracy" in record else ""))

    def tokenising(self, done: int, total: int) -> None:
        """Show how many bytes of the text are tokenised."""
        if self._bar is None and done < total:
            columns = [progress.TextColumn("tokenising"), progress.DownloadColumn(), *_time_left()]
            self._bar = self._open_bar(columns, time.monotonic)
            self._bar.add_task("", total=total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)
            self._show("", False)
            if done >= total:
                self.close()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Draw the bar a last time and end it."""
        if self._bar is not None and self.console.is_interactive:
            self._bar.refresh()
            self._bar.stop()
        self._bar = None

    # ---- drawing ----

    def _open_bar(self, columns: list[progress.ProgressColumn], get_time: Any) -> progress.Progress:
        wide = self.console.is_interactive and self.console.width >= WIDE
        if wide:
            columns.insert(1, progress.BarColumn(bar_width=None))
        bar = progress.Progress(
            *columns, console=self.console, auto_refresh=False, expand=wide, disable=not self.console.is_interactive,
            get_time=get_time, speed_estimate_period=3600,
        )  # fmt: skip
        bar.start()
        return bar

    def _format_figures(self, record: dict[str, Any], tokens_per_second: float | None) -> str:
        if record["loss"] is None:
            return "loss is not a number"
        narrow = self.console.is_interactive and self.console.width < WIDE
        figures = SHORT_FIGURES if narrow else FIGURES
        words = [form.format(record[key]) for key, form in figures.items() if record.get(key) is not None]
        if tokens_per_second and not narrow:
            words.append(f"{tokens_per_second:,.0f} tokens/s")
        return " ".join(words)

    def _show(self, prefix: str, is_last: bool) -> None:
        """Draw the bar, or print its columns as a line, unless that was done a moment ago."""
        now, every = time.monotonic(), REFRESH if self.console.is_interactive else LINE_EVERY
        if self._bar is None or not (is_last or now - self._last_shown >= every):
            return
        self._last_shown = now
        if self.console.is_interactive:
            self._bar.refresh()
        else:
            columns: Any = self._bar.columns
            self.note(prefix + " ".join(column.render(self._bar.tasks[0]).plain for column in columns))


class DroppingStream:
    """A text stream whose output is lost, without an error, once the terminal has closed or the pipe's reader has ended."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self.stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _time_left() -> list[progress.ProgressColumn]:
    return [progress.TimeRemainingColumn(compact=True), progress.TextColumn("left")]
