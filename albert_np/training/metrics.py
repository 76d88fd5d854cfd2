"""metrics.jsonl: one JSON object per line, one line per step, and a line for each evaluation on held-out documents.

    {"step": 20, "loss": 8.1, "mlm_loss": 7.4, "sop_loss": .7, "mlm_accuracy": .04, "sop_accuracy": .5,
     "lr": 1e-4, "grad_norm": 1.2, "tokens": 4090, "seconds": 3.1}                          losses in nats
    {"step": 200, "held_out": {"loss": ..., "mlm_loss": ..., ...}}

A number that is not finite is written as null.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import IO, Any

from albert_np.io.files import make_folder


class MetricsFile:
    """The open metrics.jsonl of a run."""

    def __init__(self, path: Path, position: int = 0, writes: bool = True) -> None:
        """Open the file and truncate it to `position` bytes: the steps after the checkpoint are made again.

        writes: False in all processes but the main one; nothing is written then.
        """
        self.path = path
        self._file: IO[bytes] | None = None
        if not writes:
            return
        self._file = open(path, "ab")  # noqa: SIM115  closed by close()
        self._file.truncate(min(position, self._file.tell()))

    def write(self, record: dict[str, Any]) -> None:
        """Append a record. If the file has been deleted, a new one takes those that follow."""
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_nlink == 0:
            self._file.close()
            make_folder(self.path.parent)
            self._file = open(self.path, "ab")  # noqa: SIM115
        self._file.write((json.dumps(record, allow_nan=False) + "\n").encode())
        self._file.flush()

    def sync(self) -> int:
        """Force the file to the disk and return its length in bytes, the position that a checkpoint stores."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def read_metrics(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (the records of the steps, the records of the evaluations)."""
    lines = read_lines(path)
    return [record for record in lines if "held_out" not in record], [record for record in lines if "held_out" in record]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the records in order. An incomplete last line is left out."""
    records = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def format_score(value: float, sign: str = "", size: float | None = None) -> str:
    """Return an integer as it is, another number with four decimals or, if it is an error in large or tiny units, six digits.

    sign: "+" for differences; size: the magnitude that decides; None: that of the value
    """
    if isinstance(value, int):
        return str(value)
    size = abs(value) if size is None else size
    return f"{value:{sign}.4f}" if not size or 1e-4 <= size < 1000 else f"{value:{sign}.6g}"
