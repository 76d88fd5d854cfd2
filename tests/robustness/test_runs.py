"""Signals, terminals, two runs in one folder, a damaged byte, a clock that goes backwards."""

import fcntl
import itertools
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
from processes import ENVIRONMENT, came_to

from albert_np.training import checkpoint

pytestmark = pytest.mark.slow
LONG = 100_000  # steps, or epochs: a run that does not end by itself

# ---- signals ----


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_fine_tuning_and_it_goes_on(commands, rows, fast_disk, number, code):
    out = fast_disk / "out"
    process = commands.start(*commands.finetuning(rows, out, "--epochs", 400, "--checkpoint-seconds", 0))
    commands.wait_for(process, lambda: any(out.glob("checkpoints/step-*")))
    returned, err = commands.end(process, number)
    assert returned == code, err
    name = signal.Signals(number).name
    (said,) = err.splitlines()
    held = re.fullmatch(rf"albert-np: stopped by {name}, {re.escape(str(out))} holds (.*); continue with: (.*)", said)
    assert held and held[2] == f"albert-np finetune classification --resume --out {out}"
    epochs = sum("dev" in line for line in (out / "metrics.jsonl").read_text().splitlines())
    assert re.fullmatch("the best epoch so far" if epochs else r"the model as it was after \d+ steps?", held[1])
    assert checkpoint.newest(out / "checkpoints", pytest.fail).step > 0
    assert "epochs is 3 now and was 400" in commands.refused(*said.split(": albert-np ")[1].split(), "--epochs", 3, code=2)
    process = commands.start(*said.split(": albert-np ")[1].split())
    commands.wait_for(process, lambda: b"resuming" in os.read(process.stderr.fileno(), 4096))
    assert commands.end(process, number)[0] == code


def test_a_signal_that_is_ignored_stays_ignored(commands, text, fast_disk):
    """nohup: the terminal closes, and the run goes on."""
    out = fast_disk / "out"
    arguments = commands.pretraining(text, out, LONG, "--checkpoint-every", 5)
    process = commands.start(*arguments, code="import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    commands.wait_for(process, lambda: any(out.glob("checkpoints/step-*")))
    process.send_signal(signal.SIGHUP)
    seen = set(out.glob("checkpoints/step-*"))
    commands.wait_for(process, lambda: set(out.glob("checkpoints/step-*")) - seen)
    assert commands.end(process, signal.SIGTERM)[0] == 143


# ---- terminals ----


def in_terminal(arguments, columns, until=None, **environment):
    """Run a command in a terminal of so many columns -> what was shown. until: hang up when this has been shown."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "albert_np", *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
        start_new_session=True, env={**ENVIRONMENT, "TERM": "xterm-256color", **environment},
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        shown += part
        if not part or (until is not None and until in shown):
            break
    os.close(master)
    return process.wait(timeout=900), shown.decode()


def bars(shown):
    """The lines that were drawn, as they are seen."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    return [line for line in re.split(r"[\r\n]+", plain) if re.match(r"\d+/\d+ ", line)]


def test_forty_columns(commands, text, rows, fast_disk):
    without_quiet = commands.pretraining(text, fast_disk / "a", 30, "--log-every", 1)[:-1]
    code, shown = in_terminal(without_quiet, 40)
    assert code == 0 and bars(shown) and all(len(line.rstrip()) <= 40 for line in bars(shown)), bars(shown)
    assert re.match(r"30/30 loss \d\.\d\d sop 0\.\d\d 00:00 left", bars(shown)[-1])
    code, shown = in_terminal(commands.finetuning(rows, fast_disk / "b", "--epochs", 5)[:-1], 40)
    assert code == 0 and all(len(line.rstrip()) <= 40 for line in bars(shown)), bars(shown)
    assert re.search(r"loss \d\.\d\d 00:00 left", bars(shown)[-1])


def test_no_color(commands, text, fast_disk):
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9]")
    arguments = commands.pretraining(text, fast_disk / "a", 8, "--log-every", 1)[:-1]
    code, shown = in_terminal(arguments, 120, NO_COLOR="1")
    assert code == 0 and not colour.search(shown)


def test_the_terminal_closes(commands, text, fast_disk):
    """SIGHUP comes, and nothing can be written to the terminal any more: the run is saved all the same."""
    out = fast_disk / "out"
    arguments = commands.pretraining(text, out, LONG, "--log-every", 1, "--checkpoint-every", LONG)[:-1]
    code, _ = in_terminal(arguments, 80, until=b"/100000 loss")
    assert code == 129
    assert checkpoint.newest(out / "checkpoints", pytest.fail).step > 0


def test_the_reader_of_the_progress_ends(commands, text, fast_disk):
    """albert-np pretrain ... 2>&1 | head -n 1: what nobody reads is not said, and the run goes on to its end."""
    out = fast_disk / "out"
    process = commands.start(*commands.pretraining(text, out, 60, "--log-every", 1)[:-1], stdout=subprocess.DEVNULL)
    process.stderr.readline()
    process.stderr.close()
    assert process.wait(timeout=900) == 0
    assert checkpoint.newest(out / "checkpoints", pytest.fail).step == 60


# ---- one folder ----


@pytest.mark.parametrize("command", ["pretrain", "finetune"])
def test_two_runs_in_one_folder(commands, text, rows, fast_disk, command):
    """The second is refused, and the first comes to what it would have come to alone."""

    def begin(out):
        if command == "pretrain":
            return commands.pretraining(text, out, 150, "--checkpoint-every", 5)
        return commands.finetuning(rows, out, "--epochs", 20, "--checkpoint-seconds", 0)

    commands.run(*begin(fast_disk / "alone"))
    out = fast_disk / "out"
    first = commands.start(*begin(out), start_new_session=True)  # a stopped process must not be in the test's own group
    commands.wait_for(first, lambda: any(out.glob("checkpoints/step-*")))
    first.send_signal(signal.SIGSTOP)  # so that it is not done before the others have tried
    resume = [command, *(["classification"] if command == "finetune" else []), "--resume", "--out", out]
    assert "is in use by another process" in commands.refused(*resume, code=1)
    said = commands.refused(*begin(out), code=None)
    assert "in use by another process" in said or "holds a run" in said
    first.send_signal(signal.SIGCONT)
    _, err = first.communicate(timeout=900)
    assert first.returncode == 0, err
    assert came_to(out) == came_to(fast_disk / "alone")


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_damaged_byte(commands, text, fast_disk, place):
    """It is found by its hash and said, the checkpoint before is taken, and the end is the same."""
    options = ["--checkpoint-every", 10, "--log-every", 1]
    commands.run(*commands.pretraining(text, fast_disk / "whole", 30, *options))
    out = fast_disk / "out"
    commands.run(*commands.pretraining(text, out, 30, *options))
    path = out / "checkpoints" / "step-00000030" / "moments.safetensors"
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 4
    path.write_bytes(data)
    done = commands.run("pretrain", "--resume", "--out", out)
    assert f"the checkpoint {path.parent} is damaged: the contents of moments.safetensors have changed" in done.stderr
    assert "trying the one before" in done.stderr and "resuming after step 20" in done.stderr
    assert came_to(out) == came_to(fast_disk / "whole")


# ---- the clock ----

BACKWARDS = """
import itertools, time
for name, first, step in (("time", 2e9, -3600.0), ("time_ns", 2 * 10**18, -3600 * 10**9)):
    setattr(time, name, itertools.count(first, step).__next__)
"""


def test_the_clock_goes_backwards(commands, text, rows, fast_disk):
    """An hour at each look. What counts does not depend on it: neither what a run comes to nor that it goes on."""
    for name, code in (("ahead", ""), ("back", BACKWARDS)):
        commands.run(*commands.pretraining(text, fast_disk / name, 12, "--checkpoint-every", 5), code=code)
        commands.run("pretrain", "--resume", "--out", fast_disk / name, "--steps", 15, code=code)
        commands.run(*commands.finetuning(rows, fast_disk / f"{name}-tuned", "--epochs", 2), code=code)
    assert came_to(fast_disk / "back") == came_to(fast_disk / "ahead")
    assert came_to(fast_disk / "back-tuned") == came_to(fast_disk / "ahead-tuned")


def test_a_corpus_is_rebuilt_beside_one_of_the_same_moment(text, tmp_path, monkeypatch):
    """A machine without a clock's battery starts at the same time again: no file of the old corpus is written over."""
    from albert_np.data.corpus import Corpus
    from albert_np.text import AlbertTokenizer, train_tokenizer

    train_tokenizer(text.read_text().splitlines(), tmp_path / "spiece.model", 60)
    tokenizer = AlbertTokenizer(tmp_path / "spiece.model")
    monkeypatch.setattr(time, "time_ns", lambda: 7)
    old = Corpus.prepare([text], tokenizer, tmp_path / "corpus", max_length=32)
    before = old.tokens.copy()
    new = Corpus.prepare([text], tokenizer, tmp_path / "corpus", max_length=8)
    assert new.rebuild_reason and (old.tokens == before).all() and len(new.segment_starts) != len(old.segment_starts)
    assert list(itertools.islice(new.tokens, 5)) == list(before[:5])
