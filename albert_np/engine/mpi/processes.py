"""The interface of the processes that train together, with its implementation for a single process: every collective is a no-op.

The training loop is written against it, for any number of processes; `communicator.MpiProcesses` implements it through MPI.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import numpy as np

from albert_np.core import backend
from albert_np.engine.stop import Stop

T = TypeVar("T")
Partition = list[tuple[int, int]]  # (start, stop) of each process's part of a flat array


class Processes:
    """The processes of a run; this class is the one for a single process.

    rank, size      the index of this process, and the number of processes
    rank_and_size   (rank, size), or () for a single process: arguments for functions that select a process's share of a batch
    """

    rank, size = 0, 1
    rank_and_size: tuple[int, ...] = ()

    @property
    def is_main(self) -> bool:
        """True in the process that writes files and prints: that of rank 0."""
        return self.rank == 0

    # ---- sums ----

    def sum_numbers(self, *numbers: float) -> tuple[float, ...]:
        """Return each number summed over the processes. At most six at a time."""
        return numbers

    def sum_table(self, table: np.ndarray) -> np.ndarray:
        """Return a host array summed over the processes, in float64."""
        return table

    def all_reduce(self, flat: Any) -> None:
        """Sum flat (n,) over the processes, in place, on whichever device it is; the result is the same in all of them."""

    def reduce_scatter(self, flat: Any, parts: Partition) -> None:
        """The same for the part parts[rank] of flat alone; the rest of flat is undefined afterwards."""

    def all_gather(self, flat: Any, parts: Partition) -> None:
        """Fill flat (n,): every part parts[r] is copied from process r."""

    def gather_parts(self, part: Any, parts: Partition) -> np.ndarray | None:
        """Return the processes' parts, each parts[r] long, as one host array in the main process, and None in the others."""
        return backend.to_host(part)

    # ---- values ----

    def all_gather_objects(self, value: T) -> list[T]:
        """Return the values of all processes, by rank, in all of them."""
        return [value]

    def broadcast_object(self, make: Callable[[], T]) -> T:
        """Call `make` in the main process and return its value in all of them."""
        return make()

    def broadcast(self, flat: Any) -> None:
        """Copy flat (n,), on whichever device it is, from the main process to the others, in place."""

    # ---- synchronisation ----

    def barrier(self) -> None:
        """Wait until all processes are here. If one has failed, its exception is raised in all."""

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Enclose all joint work of the processes: an exception in one of them ends the block in all of them."""
        yield

    @contextmanager
    def main_process_first(self) -> Iterator[None]:
        """Let the main process run this block alone, then the others: they find the files that it has written."""
        yield

    @contextmanager
    def main_process_only(self, context: AbstractContextManager[T]) -> Iterator[T]:
        """Enter the context in the main process. The others get the context itself, not entered."""
        with context as entered:
            yield entered

    def shared_stop(self, stop: Stop) -> Stop:
        """Return a `Stop` that changes in all processes at the same barrier once one of them has received a signal.

        A training run asks for it when it starts: from here on `communication_summary` counts the seconds.
        """
        return stop

    # ---- statistics ----

    def communication_summary(self, seconds: float) -> str:
        """Return one line on what communication has cost in a run of this many seconds; "" for a single process."""
        return ""


SINGLE_PROCESS = Processes()
