"""One process alone, and what all of several have in common. The loops are written for any number; alone, nothing happens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import numpy as np

from albert_np.core import backend

T = TypeVar("T")
Cuts = list[tuple[int, int]]


class Processes:
    """One process: every sum is its own number, every meeting is over at once.

    rank, size   this one's number, and how many there are
    mine         (rank, size), or () for one alone: for functions that give each process its share (`data.sampler.share`)
    """

    rank, size = 0, 1
    mine: tuple[int, ...] = ()

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    # ---- sums ----

    def total(self, *numbers: float) -> tuple[float, ...]:
        """Each number summed over the processes."""
        return numbers

    def totals(self, table: np.ndarray) -> np.ndarray:
        """A host array summed over the processes, in float64."""
        return table

    def sum(self, flat: Any) -> None:
        """flat (n,), wherever it lives: the sum over the processes, in place, the same in all."""

    def sum_parts(self, flat: Any, cuts: Cuts) -> None:
        """The same, but only the part cuts[rank] of flat is the sum then; what the rest holds is not said."""

    def collect(self, flat: Any, cuts: Cuts) -> None:
        """flat (n,): every part cuts[r] as process r has it."""

    def assemble(self, part: Any, cuts: Cuts) -> np.ndarray | None:
        """The parts cuts[r] of the processes as one array on the host of the first one; None in the others."""
        return backend.to_host(part)

    # ---- values ----

    def gather(self, value: T) -> list[T]:
        """What each process has, in their order, in all of them."""
        return [value]

    def from_first(self, work: Callable[[], T]) -> T:
        """What `work` gives in the first process, in all of them; the others do not call it."""
        return work()

    def spread(self, flat: Any) -> None:
        """flat (n,), wherever it lives, as the first process has it."""

    # ---- going together ----

    def meet(self) -> None:
        """Wait for the others. If one has failed on the way, its exception is raised in all."""

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around all that the processes do together: an exception in one of them ends it in all of them."""
        yield

    @contextmanager
    def first_ahead(self) -> Iterator[None]:
        """The first process goes through this block alone, then the others do, and find what it has left on the disk."""
        yield

    @contextmanager
    def only_first(self, context: AbstractContextManager[T]) -> Iterator[T]:
        """Enter the context in the first process; the others have it as it is, not entered."""
        with context as entered:
            yield entered

    def agreed(self, stop: T) -> T:
        """A `Stop` of all: it changes while they meet, in all of them at once, if one of them was asked to stop.

        A training asks for it when it begins: from here on the seconds of `account` are counted.
        """
        return stop

    # ---- accounts ----

    def account(self, seconds: float) -> str:
        """What the exchange has cost in a run of so many seconds, in one line; "" for one alone."""
        return ""


ALONE = Processes()
