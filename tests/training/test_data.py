"""Preparing the data of a run: in how many processes, and what is printed."""

import itertools

import numpy as np
import pytest

from albert_np.engine import threads
from albert_np.training import Callback, data, prepare_data
from albert_np.training.data import count_processes


class Notes(Callback):
    def __init__(self):
        self.notes, self.tokens = [], []

    def note(self, text):
        self.notes.append(text)

    def tokenised(self, tokens):
        self.tokens.append(tokens)


@pytest.mark.parametrize(("sizes", "allowed", "expected"), [
    ({"a.txt": 1000}, 8, 1), ({"a.txt": 3500}, 8, 3), ({"a.txt": 3500}, 2, 2), ({"a.txt": 600, "b.txt": 1500}, 8, 2),
    ({"a.xz": 800}, 8, 3), ({"a.txt": 0}, 8, 1), ({}, 8, 1),
])  # fmt: skip
def test_how_many_processes_tokenise(tmp_path, monkeypatch, sizes, allowed, expected):
    """One for every SMALL bytes of text, packed files counting for more, but no more than there are threads."""
    monkeypatch.setattr(data, "SMALL", 1000)
    monkeypatch.setattr(threads, "count", lambda: allowed)
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"a" * size)
    assert count_processes([*(tmp_path / name for name in sizes), tmp_path / "missing.txt"]) == expected


def test_a_large_text_is_tokenised_in_processes_and_the_speed_is_printed(
    tmp_path, workshop, tokenizer, config, settings, monkeypatch
):
    files = [workshop / "text.txt"]
    alone = prepare_data(files, tmp_path / "alone", config, settings, tokenizer, Callback())
    monkeypatch.setattr(data, "SMALL", 500)
    monkeypatch.setattr(threads, "count", lambda: 2)
    monkeypatch.setattr(data, "MOMENT", 0.0)
    report = Notes()
    together = prepare_data(files, tmp_path / "together", config, settings, tokenizer, report)
    tokens = together.facts["tokens"]
    assert report.notes[0] == f"tokenising 1 file into {tmp_path / 'together'}, in 2 processes"
    assert report.notes[1].startswith(f"tokenised {tokens:,} tokens in ") and report.notes[1].endswith(" tokens/s")
    assert report.tokens[-1] == tokens and alone.fingerprint == together.fingerprint
    for a, b in itertools.islice(zip(alone.held_out, together.held_out), 3):
        assert all(np.array_equal(a[name], b[name]) for name in a)
    report = Notes()
    prepare_data(files, tmp_path / "together", config, settings, tokenizer, report, processes=1)
    assert len(report.notes) == 1 and "is reused" in report.notes[0]
    report = Notes()
    prepare_data(files, tmp_path / "one", config, settings, tokenizer, report, processes=1)
    assert report.notes[0] == f"tokenising 1 file into {tmp_path / 'one'}"
