"""The losses of recent steps. They stay on the device and are fetched together, so that the host does not wait in every step."""

from collections.abc import Callable
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.engine.mpi import Processes


class LossBuffer:
    """Steps whose losses have not been fetched yet.

    fields   names of the results' 0-d device arrays that are summed over micro-batches and processes; None counts as 0
    count    the results of a step's micro-batches -> numbers that the host has, summed over the processes as well
    """

    def __init__(self, processes: Processes, fields: tuple[str, ...], count: Callable[[list[Any]], tuple[int, ...]]) -> None:
        self.processes, self.fields, self.count = processes, fields, count
        self._waiting: list[tuple[dict[str, Any], Any, tuple[int, ...]]] = []

    def add(self, record: dict[str, Any], results: list[Any], norm: Any) -> None:
        """Add a step: its record so far, the results of this process's micro-batches and the norm of the whole gradient."""
        values = [_sum_field(results, name, norm) for name in self.fields]
        self._waiting.append((record, np.stack([*values, norm]), (record["tokens"], *self.count(results))))

    def drain(self) -> list[tuple[dict[str, Any], list[float], float]]:
        """Fetch the steps added since the last call -> for each (record, sums of fields and counts, norm of the gradient)"""
        if not self._waiting:
            return []
        values = backend.to_host(np.stack([device for _, device, _ in self._waiting]))  # (steps, fields + 1)
        counts = np.array([numbers for *_, numbers in self._waiting])
        sums = self.processes.sum_table(np.column_stack([values[:, :-1], counts])).tolist()  # the norm is that of all already
        drained = []
        for (record, *_), row, norm in zip(self._waiting, sums, values[:, -1].tolist()):
            fields, (tokens, *numbers) = row[: len(self.fields)], row[len(self.fields) :]
            drained.append(({**record, "tokens": int(tokens)}, [*fields, *numbers], norm))
        self._waiting.clear()
        return drained


def _sum_field(results: list[Any], name: str, like: Any) -> Any:
    values = [value for result in results if (value := getattr(result, name)) is not None]
    return sum(values) if values else np.zeros_like(like)  # a process may have no example in this step
