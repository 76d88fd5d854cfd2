"""Saved folders as values: what `save_pretrained` writes, as {file: bytes}, which can be pickled or sent to another process."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def read_saved(save: Callable[[Path], Any]) -> dict[str, bytes]:
    """Return the files that `save(folder)` writes. Its warnings, on what other programs can read, do not matter here."""
    with tempfile.TemporaryDirectory(prefix="albert_np.") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(Path(name))
        return {path.name: path.read_bytes() for path in sorted(Path(name).iterdir()) if path.is_file()}


def load_saved(files: dict[str, bytes], load: Callable[[Path], T]) -> T:
    """Return what `load(folder)` makes of a folder with these files, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="albert_np.") as name:
        for file, data in files.items():
            (Path(name) / file).write_bytes(data)
        return load(Path(name))
