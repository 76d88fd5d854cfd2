"""Reading a case's folder. Without albert_np, whose import tells the C library to keep memory: that would help others, too."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

RATE = 1e-5  # of the optimisers: small, so that many steps on random weights stay tame


def load(folder: Path) -> tuple[Any, list[dict[str, np.ndarray]]]:
    """-> case.json as a namespace, the batches"""
    case = SimpleNamespace(**json.loads((folder / "case.json").read_text()))
    with np.load(folder / "batches.npz") as file:
        return case, [dict(_of(file, i)) for i in range(case.count)]


def _of(file: Any, i: int) -> Iterator[tuple[str, np.ndarray]]:
    for name in file.files:
        key, _, number = name.rpartition("_")
        if number == str(i):
            yield key, file[name]
