"""What the tests here share: a text, texts with labels, a folder that is fast."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Commands
from stories import ROWS, TEXT


@pytest.fixture(scope="session")
def text(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text(TEXT)
    return file


@pytest.fixture(scope="session")
def rows(tmp_path_factory) -> Path:
    """Texts with labels."""
    file = tmp_path_factory.mktemp("rows") / "rows.tsv"
    file.write_text("text\tlabel\n" + "\n".join(ROWS) + "\n")
    return file


@pytest.fixture
def fast_disk(tmp_path) -> Iterator[Path]:
    """An empty folder in memory, where there is such a place: what a process has written there stays when it is killed, and
    forcing it to the disk costs nothing."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def commands() -> Commands:
    return Commands()
