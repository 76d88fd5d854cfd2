"""Progress display of a run: a bar in a terminal or a notebook's cell, elsewhere a line every ten seconds."""

import contextlib
import html
import io
import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from albert_np.training.callbacks import Callback
from albert_np.training.line_progress import LineProgress, TokenRate
from albert_np.training.metrics import format_score

if TYPE_CHECKING:
    from rich import progress
    from rich.console import Console

REFRESH = 0.2  # seconds between two drawings of the bar
LINE_EVERY = 10.0  # seconds between two lines where there is no terminal
WIDE = 100  # columns that the whole line needs; a narrower terminal gets the short one
SMALL = 1 << 20  # bytes of text that are tokenised in a moment
FIGURES = {
    "loss": "loss {:.3f}", "accuracy": "accuracy {:.3f}", "mlm_accuracy": "mlm {:.3f}", "sop_accuracy": "sop {:.2f}",
    "lr": "lr {:.1e}",
}  # fmt: skip
SHORT_FIGURES = {"loss": "loss {:.2f}", "sop_accuracy": "sop {:.2f}"}

METHODS = ("start", "step", "evaluation", "tokenising", "note", "close")  # of a callback


class Progress(Callback):
    """Show steps, loss, accuracies, tokens per second and the time left, of pretraining and of fine-tuning.

    console: a rich Console; by default one on stderr (in a notebook, on stdout), which drops its output once the terminal or the
    pipe is closed. NO_COLOR is respected. Nothing is drawn by a background thread. wording: applied to every note.
    """

    def __init__(self, console: "Console | None" = None, wording: Callable[[str], str] = str) -> None:
        from rich.console import Console

        self._in_notebook = console is None and is_notebook()
        stream: Any = DroppingStream((sys.stdout if self._in_notebook else sys.stderr) or io.StringIO())
        terminal = False if self._in_notebook else None  # a kernel's streams look like a terminal
        self.console = console or Console(file=stream, highlight=False, force_jupyter=False, force_terminal=terminal)
        self.wording = wording
        self._bar: progress.Progress | None = None
        self._update_cell: Callable[[str, float], None] | None = None  # of a notebook
        self._last_shown = -math.inf
        self._tokens = TokenRate()
        self._seconds = 0.0  # of the last step: losses are read for several steps at a time, so the clock would be wrong

    # ---- called by the trainer ----

    def start(self, first: int, total: int) -> None:
        """Begin with step first + 1 of `total`."""
        from rich import progress

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
        when = f"after step {record['step']}" if record["step"] else "before the first step"
        text = f"held-out {when}: MLM loss {record['mlm_loss']:.3f}, accuracy {record['mlm_accuracy']:.3f}"
        self.note(text + (f"; SOP accuracy {record['sop_accuracy']:.3f}" if "sop_accuracy" in record else ""))

    def tokenising(self, done: int, total: int) -> None:
        """Show how many bytes of the text are tokenised."""
        from rich import progress

        if self._bar is not None or (done < total and total >= SMALL):
            self.show_share("tokenising", progress.DownloadColumn(), done, total, self._tokens.describe())

    def tokenised(self, tokens: int) -> None:
        """Count the tokens of the text so far, for what `tokenising` shows next."""
        self._tokens.count(tokens)

    def encoding(self, done: int, total: int) -> None:
        """Show how many of many texts' tokens are encoded."""
        from rich.progress import TaskProgressColumn

        self.show_share("encoding", TaskProgressColumn(), done, total)

    def show_share(self, name: str, column: "progress.ProgressColumn", done: int, total: int, speed: str = "") -> None:
        """Show how much of a piece of work is done, by this column, and how fast; the bar ends with it."""
        from rich import progress

        if self._bar is None:
            columns = [progress.TextColumn(name), column, progress.TextColumn("{task.fields[speed]}"), *_time_left()]
            self._bar = self._open_bar(columns, time.monotonic)
            self._bar.add_task("", total=total, speed="")
        self._bar.update(self._bar.task_ids[0], completed=done, speed=speed)
        self._show("", done >= total)
        if done >= total:
            self.close()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(self.wording(text), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Draw the bar a last time and end it."""
        if self._bar is not None and self.console.is_interactive:
            self._bar.refresh()
            self._bar.stop()
        self._bar = self._update_cell = None

    # ---- drawing ----

    def _open_bar(self, columns: "list[progress.ProgressColumn]", get_time: Any) -> "progress.Progress":
        from rich import progress

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
        now, every = time.monotonic(), REFRESH if self.console.is_interactive or self._in_notebook else LINE_EVERY
        if self._bar is None or not (is_last or now - self._last_shown >= every):
            return
        self._last_shown = now
        if self.console.is_interactive:
            self._bar.refresh()
            return
        columns: Any = self._bar.columns
        line = prefix + " ".join(filter(None, (column.render(self._bar.tasks[0]).plain for column in columns)))
        if self._in_notebook:
            self._update_cell = self._update_cell or new_notebook_bar()
            self._update_cell(line, self._bar.tasks[0].percentage / 100)
        else:
            self.note(line)


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


def is_notebook() -> bool:
    """Return whether the code runs in a notebook: under IPython with a kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def new_notebook_bar() -> Callable[[str, float], None]:
    """Add a bar with a line of text to the output of the notebook's cell, and return a function (text, share done) that replaces
    both. Programs that show no HTML have the text alone."""
    from IPython.display import display

    handle = display({"text/plain": ""}, raw=True, display_id=True)
    style = "width: 12em; margin-right: 0.6em; vertical-align: middle"

    def update(text: str, share: float) -> None:
        bar = f'<div><progress style="{style}" max="1" value="{share:.3f}"></progress>{html.escape(text)}</div>'
        handle.update({"text/plain": text, "text/html": bar}, raw=True)

    return update


def _time_left() -> "list[progress.ProgressColumn]":
    from rich import progress

    return [progress.TimeRemainingColumn(compact=True), progress.TextColumn("left")]


def get_callback(report: Callback | None, progress: bool, is_main: bool = True) -> Callback:
    """Return the callback of a run: `report`; without one, a display of the progress if `progress` is True.

    is_main: whether this process reports; the others do not. ValueError if `report` is something else than a callback.
    """
    if report is not None and (isinstance(report, type) or not all(hasattr(report, name) for name in METHODS)):
        hint = f": write {report.__name__}()" if isinstance(report, type) else ""
        raise ValueError(f"report must be an albert_np.training.Callback, not {report!r}{hint}")
    if not is_main or (report is None and not progress):
        return Callback()
    if report is not None:
        return report
    return open_display()


def open_display() -> "Progress | LineProgress":
    """Return the display of the progress; without the rich library, one of lines."""
    try:
        return Progress()
    except ModuleNotFoundError:
        return LineProgress()
