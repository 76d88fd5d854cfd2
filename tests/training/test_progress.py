"""The progress display: everything in a wide terminal, the essentials in 40 columns, plain lines without a terminal."""

import io
import itertools
import re
import time

import pytest
from rich.console import Console

from albert_np.training import progress
from albert_np.training.line_progress import LineProgress
from albert_np.training.progress import DroppingStream, Progress


def record(step: int, **changes):
    line = dict(
        step=step, loss=5.4321, mlm_loss=4.8, mlm_accuracy=0.213, sop_loss=0.6, sop_accuracy=0.64, lr=1e-3, grad_norm=1.0,
        tokens=1000, seconds=step * 0.5,
    )  # fmt: skip
    return {**line, **changes}


def finetune_record(step: int):
    return dict(step=step, loss=0.4321, accuracy=0.875, lr=1e-3, tokens=1000, seconds=step * 0.5)


def display(width: int, terminal: bool, monkeypatch) -> tuple[Progress, io.StringIO]:
    monkeypatch.setattr(progress, "REFRESH", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    return Progress(Console(file=stream, width=width, force_terminal=terminal, highlight=False)), stream


def shown(width: int, terminal: bool, monkeypatch, steps: int = 20, total: int = 100, **changes) -> str:
    report, stream = display(width, terminal, monkeypatch)
    report.start(0, total)
    for step in range(1, steps + 1):
        report.step(record(step, **changes))
    report.evaluation(dict(step=20, mlm_loss=4.5, mlm_accuracy=0.2, sop_accuracy=0.66))
    report.note("something [that] matters")
    report.close()
    return stream.getvalue()


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_a_wide_terminal_shows_everything(monkeypatch):
    out = without_escapes(shown(120, True, monkeypatch))
    assert "20/100" in out
    assert "loss 5.432 mlm 0.213 sop 0.64 lr 1.0e-03 2,000 tokens/s 00:40 left" in out
    assert "held-out after step 20: MLM loss 4.500, accuracy 0.200; SOP accuracy 0.660" in out
    assert "something [that] matters" in out


def test_forty_columns_are_enough(monkeypatch):
    out = without_escapes(shown(40, True, monkeypatch))
    bars = [line for line in out.replace("\r", "\n").splitlines() if "/100" in line]
    assert any("20/100 loss 5.43 sop 0.64 00:40 left" in line for line in bars)
    assert all(len(line.rstrip()) <= 40 for line in bars)


def test_without_a_terminal_there_are_few_plain_lines(monkeypatch):
    clock = itertools.count(0, 1.0)  # a second passes between two calls
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    out = shown(80, False, monkeypatch)
    assert "\x1b" not in out and "\r" not in out
    lines = [line for line in out.splitlines() if line.startswith("step ")]
    assert len(lines) == 2  # 20 steps, a line every 10 seconds
    assert lines[1] == "step 11/100 loss 5.432 mlm 0.213 sop 0.64 lr 1.0e-03 2,000 tokens/s 00:45 left"
    assert all(line == line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize(("width", "terminal"), [(120, True), (40, True), (80, False)])
def test_fine_tuning_is_shown_by_the_same_class(monkeypatch, width, terminal):
    report, stream = display(width, terminal, monkeypatch)
    report.start(0, 20)
    for step in range(1, 21):
        report.step(finetune_record(step))
    report.evaluation({"step": 20, "epoch": 2, "accuracy": 0.8125})
    report.close()
    out = without_escapes(stream.getvalue())
    assert "epoch 2: accuracy 0.8125" in out
    narrow = terminal and width == 40
    assert ("20/20 loss 0.43 00:00 left" if narrow else "loss 0.432 accuracy 0.875 lr 1.0e-03 2,000 tokens/s 00:00 left") in out


def test_no_color(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown(120, True, monkeypatch))


def test_a_loss_that_is_no_number_does_not_break_it(monkeypatch):
    assert "loss is not a number" in shown(120, True, monkeypatch, loss=None)


def test_tokenising_is_shown(monkeypatch):
    report, stream = display(80, True, monkeypatch)
    for done in (0, 5_000_000, 10_000_000):
        report.tokenising(done, 10_000_000)
    assert "5.0/10.0 MB" in without_escapes(stream.getvalue())


def test_tokenising_without_a_terminal(monkeypatch):
    report, stream = display(80, False, monkeypatch)
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    for done in (0, 5_000_000, 10_000_000):
        report.tokenising(done, 10_000_000)
    lines = stream.getvalue().splitlines()
    assert [line.startswith("tokenising ") for line in lines] == [True, True, True] and "5.0/10.0 MB" in lines[1]


@pytest.mark.parametrize("make", [lambda monkeypatch: display(120, False, monkeypatch)[0], lambda monkeypatch: LineProgress()])
def test_the_tokens_per_second_of_tokenising(make, monkeypatch, capsys):
    """Of all tokens but those of the first batch, which came before the clock was read."""
    now, shown = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    report = make(monkeypatch)
    monkeypatch.setattr(report, "note", shown.append)
    for tokens, done in ((1000, 2_000_000), (201_000, 5_000_000), (801_000, 9_000_000)):
        report.tokenised(tokens)
        report.tokenising(done, 10_000_000)
        now[0] += 20
    assert ["tokens/s" in line for line in shown] == [False, True, True]
    assert " 10,000 tokens/s" in shown[1] and " 20,000 tokens/s" in shown[2]


@pytest.mark.parametrize(("steps_left", "text"), [(0, "00:00"), (150, "01:15"), (7400, "1:01:40")])
def test_the_time_left(monkeypatch, steps_left, text):
    """Half a second per step."""
    assert f" {text} left" in without_escapes(shown(120, True, monkeypatch, total=20 + steps_left))


def test_a_closed_pipe_is_no_error(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise OSError(5, "Input/output error")

    for terminal in (False, True):
        report = Progress(Console(file=DroppingStream(Closed()), width=120, force_terminal=terminal))
        report.start(0, 2)
        report.step(record(1))
        report.note("a note")
        report.close()
