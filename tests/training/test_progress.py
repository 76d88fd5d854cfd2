"""What people see: everything in a wide terminal, what matters in 40 columns, plain lines without a terminal."""

import io
import itertools

import pytest
from rich.console import Console

from albert_np.training import progress
from albert_np.training.progress import Progress, clock_time


def record(step: int, **changes):
    line = dict(
        step=step, loss=5.4321, mlm_loss=4.8, mlm_accuracy=0.213, sop_loss=0.6, sop_accuracy=0.64, lr=1e-3, grad_norm=1.0,
        tokens=1000, seconds=step * 0.5,
    )  # fmt: skip
    return {**line, **changes}


def shown(width: int, terminal: bool, monkeypatch, steps: int = 20, **changes) -> str:
    monkeypatch.setattr(progress, "REFRESH", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    report = Progress(Console(file=stream, width=width, force_terminal=terminal, highlight=False))
    report.start(0, 100)
    for step in range(1, steps + 1):
        report.step(record(step, **changes))
    report.evaluation(dict(step=20, mlm_loss=4.5, mlm_accuracy=0.2, sop_accuracy=0.66))
    report.note("something [that] matters")
    report.close()
    return stream.getvalue()


def test_a_wide_terminal_shows_everything(monkeypatch):
    out = shown(120, True, monkeypatch)
    assert "20/100" in out
    assert "loss 5.432 mlm 0.213 sop 0.64 lr 1.0e-03 2,000 tokens/s 0:40 left" in out
    assert "held-out after step 20: MLM loss 4.500, accuracy 0.200; SOP accuracy 0.660" in out
    assert "something [that] matters" in out


def test_forty_columns_are_enough(monkeypatch):
    out = shown(40, True, monkeypatch)
    bars = [line for line in out.replace("\r", "\n").splitlines() if "/100" in line]
    assert any("20/100 loss 5.43 sop 0.64 0:40 left" in line for line in bars)


def test_without_a_terminal_there_are_few_plain_lines(monkeypatch):
    clock = itertools.count(0, 1.0)  # a second passes at every look
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    out = shown(80, False, monkeypatch)
    assert "\x1b" not in out and "\r" not in out
    assert len([line for line in out.splitlines() if line.startswith("step ")]) == 2  # 20 steps, a line every 10 seconds
    assert all(line == line.rstrip() for line in out.splitlines())


def test_no_color(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    import re

    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown(120, True, monkeypatch))


def test_a_loss_that_is_no_number_does_not_break_it(monkeypatch):
    assert "loss is not a number" in shown(120, True, monkeypatch, loss=None)


def test_tokenising_is_shown(monkeypatch):
    monkeypatch.setattr(progress, "REFRESH", 0.0)
    stream = io.StringIO()
    report = Progress(Console(file=stream, width=80, force_terminal=True))
    for done in (0, 5_000_000, 10_000_000):
        report.tokenising(done, 10_000_000)
    assert "5.0/10.0 MB" in stream.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (75.4, "1:15"), (3700, "1:01:40")])
def test_clock_time(seconds, text):
    assert clock_time(seconds) == text
