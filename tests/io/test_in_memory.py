"""Saved folders as values."""

import tempfile
import warnings
from pathlib import Path

import pytest

from albert_np.io.in_memory import load_saved, read_saved


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_files_come_back():
    def save(folder):
        (folder / "a.txt").write_bytes(b"one\r\n")
        (folder / "b").write_bytes(bytes(range(256)))
        warnings.warn("other programs cannot read it", stacklevel=2)

    files = read_saved(save)
    assert files == {"a.txt": b"one\r\n", "b": bytes(range(256))}
    assert load_saved(files, lambda folder: {path.name: path.read_bytes() for path in folder.iterdir()}) == files


def test_a_failure_leaves_nothing():
    def fail(folder):
        (folder / "a").write_text("a")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        read_saved(fail)
    with pytest.raises(OSError, match="full"):
        load_saved({"b": b""}, fail)
    with pytest.raises(FileNotFoundError):
        load_saved({}, lambda folder: Path(folder / "none").read_bytes())
