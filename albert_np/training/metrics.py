"""metrics.jsonl: one JSON object a line, one line a step, and a line for each evaluation on held-out documents.

    {"step": 20, "loss": 8.1, "mlm_loss": 7.4, "sop_loss": .7, "mlm_accuracy": .04, "sop_accuracy": .5,
     "lr": 1e-4, "grad_norm": 1.2, "tokens": 4090, "seconds": 3.1}                          losses in nats
    {"step": 200, "held_out": {"loss": ..., "mlm_loss": ..., ...}}

The losses live on the device. They are fetched every few steps in one piece, so that the host does not wait at each step.
A number that is not finite is written as null.
"""

import contextlib
import json
import math
import os
from pathlib import Path
from typing import IO, Any

import numpy as np

from albert_np.core import backend
from albert_np.engine.mpi import ALONE, Processes
from albert_np.io.files import make_folder

COUNTS = ("masked", "sequences", "tokens")  # what a step has of them, the host knows


class Metrics:
    """The file, and the steps whose losses are not read yet."""

    def __init__(self, path: Path, position: int = 0, seconds: float = 0.0, writes: bool = True) -> None:
        """Opens the file and cuts it back to `position` bytes: what came after the checkpoint happens again.

        writes: False for one of several processes that only reads its losses along with the others.
        """
        self.path, self.seconds = path, seconds
        self._waiting: list[tuple[dict[str, Any], Any]] = []
        self._file: IO[bytes] | None = None
        if not writes:
            return
        self._file = open(path, "ab")  # noqa: SIM115  closed by close()
        if position > self._file.tell():
            position = self._file.tell()
        self._file.truncate(position)

    def add(self, record: dict[str, Any], results: list[Any], norm: Any) -> None:
        """A step: what the host knows of it, the results of its micro-batches, and the norm of its gradient."""
        record["masked"], record["sequences"] = sum(r.masked for r in results), sum(r.sequences for r in results)
        nothing = np.zeros_like(norm)  # of a process that had no example in this step
        on_device = [
            sum(getattr(r, name) for r in results) if results else nothing
            for name in ("mlm_loss", "sop_loss", "mlm_correct", "sop_correct")
        ]
        self._waiting.append((record, np.stack([*on_device, norm])))

    def read(self, processes: Processes = ALONE) -> list[dict[str, Any]]:
        """The records of the steps since the last call, their losses fetched and summed over the processes; they are in the file
        then."""
        if not self._waiting:
            return []
        numbers = backend.to_host(np.stack([device for _, device in self._waiting]))  # steps of 5
        counts = np.array([[known[name] for name in COUNTS] for known, _ in self._waiting])
        summed = processes.totals(np.column_stack([numbers[:, :4], counts])).tolist()  # the norm is that of all already
        records = [
            _record({**known, **{name: int(count) for name, count in zip(COUNTS, row[4:])}}, *[*row[:4], norm])
            for (known, _), row, norm in zip(self._waiting, summed, numbers[:, 4].tolist())
        ]
        self._waiting.clear()
        for record in records:
            self.write(record)
        return records

    def write(self, record: dict[str, Any]) -> None:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_nlink == 0:  # somebody has removed it: a new one holds what comes from here on
            self._file.close()
            make_folder(self.path.parent)
            self._file = open(self.path, "ab")  # noqa: SIM115
        self._file.write((json.dumps(record, allow_nan=False) + "\n").encode())
        self._file.flush()

    def sync(self) -> int:
        """Force the file to the disk -> its length in bytes: the position that a checkpoint keeps."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _record(known: dict[str, Any], mlm: float, sop: float, mlm_right: float, sop_right: float, norm: float) -> dict[str, Any]:
    masked, sequences = known["masked"], known["sequences"]
    record = {"step": known["step"], "loss": mlm + sop, "mlm_loss": mlm, "mlm_accuracy": mlm_right / max(1, masked)}
    if sequences:
        record |= {"sop_loss": sop, "sop_accuracy": sop_right / sequences}
    record |= {"lr": known["lr"], "grad_norm": norm, "tokens": known["tokens"], "seconds": round(known["seconds"], 3)}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def read_metrics(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """-> (the steps' records, the evaluations' records)."""
    lines = read_lines(path)
    return [record for record in lines if "held_out" not in record], [record for record in lines if "held_out" in record]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records in order. A last line that is cut off is left out."""
    found = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found
