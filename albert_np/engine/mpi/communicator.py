"""Several processes through MPI (mpi4py).

Every exchange begins with a meeting: an all-reduce of a few numbers, of one form wherever it is. With it goes whether a process
has failed and which signal it was sent. So a process that fails anywhere, at any time, has only to come to the next meeting: the
others are there, or will be, and learn of it. Nobody waits in an exchange to which somebody will not come.
"""

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import numpy as np
from mpi4py import MPI

from albert_np.core import backend
from albert_np.engine.mpi import cores, launcher
from albert_np.engine.mpi.links import link, typed
from albert_np.engine.mpi.processes import Cuts, Processes
from albert_np.engine.stop import Stop

T = TypeVar("T")

ROOM = 6  # numbers that a meeting can sum up besides
SPIN, NAP = 1e-3, 2e-4  # seconds: who waits longer than SPIN sleeps in between, and leaves the processor to others


class MpiProcesses(Processes):
    """The processes of a communicator, by default all that there are."""

    def __init__(self, comm: Any = None) -> None:
        self.comm = MPI.COMM_WORLD if comm is None else comm
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self.mine = (self.rank, self.size)
        self.waited = self.exchanged = 0.0  # seconds
        self._asked, self._agreed = Stop(), Stop()
        self._guarded = False
        self._known = False  # all have heard of the failure
        self._exchanging = False  # behind a meeting: the others wait for what was announced, and no meeting can reach them
        self._links: dict[Any, Any] = {}

    def library(self) -> str:
        """The name of the MPI behind mpi4py."""
        return " ".join(MPI.Get_library_version().split()[:3])

    def divide_cores(self) -> None:
        """Limit BLAS to this process's share of its machine's cores, unless the user has said how many threads there are."""
        near = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        cores.limit(near.allgather(cores.allowed()), near.Get_rank())
        near.Free()

    # ---- meetings ----

    def total(self, *numbers: float) -> tuple[float, ...]:
        return tuple(self._meet(numbers)[: len(numbers)].tolist())

    def meet(self) -> None:
        self._meet()

    def _meet(self, numbers: tuple[float, ...] = (), error: Exception | None = None) -> np.ndarray:
        """-> the sums of the numbers (ROOM,). Raises in all processes what has gone wrong in one."""
        mine, summed = np.zeros((2, 2 + ROOM))
        mine[:2] = error is not None, self._asked.signal != 0
        mine[2 : 2 + len(numbers)] = numbers
        self._wait(self.comm.Iallreduce(mine, summed))
        if summed[0]:
            self._known = True
            raise self._failure(error)
        if summed[1] and not self._agreed.signal:
            self._agreed.signal = max(self.comm.allgather(self._asked.signal))
        return summed[2:]

    def _wait(self, request: Any) -> None:
        """MPI's own waiting keeps a core busy, for as long as the first process tokenises, if need be."""
        began = time.perf_counter()
        while not request.Test():
            if time.perf_counter() - began > SPIN:
                time.sleep(NAP)
        self.waited += time.perf_counter() - began

    def _failure(self, error: Exception | None) -> Exception:
        """What to raise here: one's own exception, or that of the first process that has one."""
        told = self.comm.allgather(None if error is None else _parcel(error))
        if error is not None:
            return error
        rank, parcel = next((rank, parcel) for rank, parcel in enumerate(told) if parcel is not None)
        found = pickle.loads(parcel)
        found.process = f"process {rank} of {self.size}"
        return found

    @contextmanager
    def guard(self) -> Iterator[None]:
        if self._guarded:
            yield
            return
        self._guarded, self._known, self._exchanging = True, False, False
        try:
            yield
            self._meet()  # who fails at the very end finds the others here
        except Exception as error:
            if self._known:
                raise
            self._tell(error)
        except BaseException as error:  # a second Ctrl-C, an exit: at once, and nobody is waited for
            self._abort("interrupted" if isinstance(error, KeyboardInterrupt) else repr(error), 130)
        finally:
            self._guarded = False

    def _tell(self, error: Exception) -> None:
        """Come to the meeting and raise the error there, as the others do. Where that cannot be, end them all."""
        if self._exchanging:
            self._abort(str(error) or repr(error), 1)
        error.process = f"process {self.rank} of {self.size}"  # type: ignore[attr-defined]
        try:
            self._meet(error=error)
        except MPI.Exception as broken:
            self._abort(f"{error} ({broken})", 1)
        except KeyboardInterrupt:
            self._abort(str(error), 1)

    def _abort(self, message: str, code: int) -> None:
        if not self.first:
            time.sleep(0.5)  # most often all are interrupted: then the first one speaks, and ends the others
        launcher.last_words(message)
        self.comm.Abort(code)

    # ---- sums of arrays ----

    def totals(self, table: np.ndarray) -> np.ndarray:
        summed = np.array(table, dtype=np.float64)
        with self._exchange():
            self.comm.Allreduce(MPI.IN_PLACE, summed)
        return summed

    def sum(self, flat: Any) -> None:
        with self._exchange():
            self._link(flat).sum(flat)

    def sum_parts(self, flat: Any, cuts: Cuts) -> None:
        with self._exchange():
            self._link(flat).sum_parts(flat, cuts)

    def collect(self, flat: Any, cuts: Cuts) -> None:
        with self._exchange():
            self._link(flat).collect(flat, cuts)

    def spread(self, flat: Any) -> None:
        host = np.ascontiguousarray(backend.to_host(flat))
        with self._exchange():
            self.comm.Bcast(host, 0)
        flat[...] = backend.asarray_like(host, flat)

    def assemble(self, part: Any, cuts: Cuts) -> np.ndarray | None:
        host = np.ascontiguousarray(backend.to_host(part))
        whole = np.empty(cuts[-1][1], host.dtype) if self.first else None
        counts, starts = [stop - start for start, stop in cuts], [start for start, _ in cuts]
        with self._exchange():
            self.comm.Gatherv(host, [whole, counts, starts, typed(host)] if self.first else None, 0)
        return whole

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Meet, and then exchange what the meeting was for."""
        self._meet()
        began, self._exchanging = time.perf_counter(), True
        yield
        self.exchanged += time.perf_counter() - began
        self._exchanging = False

    def _link(self, flat: Any) -> Any:
        """How arrays like this one travel; found out once, by all together."""
        key = backend.of(flat).name, len(flat), flat.dtype
        if key not in self._links:
            self._links[key] = link(self.comm, flat)
        return self._links[key]

    # ---- values ----

    def gather(self, value: T) -> list[T]:
        parcel = pickle.dumps(value)
        with self._exchange():
            return [pickle.loads(other) for other in self.comm.allgather(parcel)]

    def from_first(self, work: Callable[[], T]) -> T:
        value = work() if self.first else None
        parcel = pickle.dumps(value) if self.first else None
        with self._exchange():
            parcel = self.comm.bcast(parcel, 0)
        return value if self.first else pickle.loads(parcel)  # type: ignore[return-value, arg-type]

    @contextmanager
    def first_ahead(self) -> Iterator[None]:
        if not self.first:
            self._meet()
        yield
        if self.first:
            self._meet()
        self._meet()

    @contextmanager
    def only_first(self, context: AbstractContextManager[T]) -> Iterator[T]:
        if not self.first:
            self._meet()
            yield context  # type: ignore[misc]
            return
        with context as entered:
            self._meet()
            yield entered

    def agreed(self, stop: Any) -> Any:
        self._asked, self._agreed = stop, Stop()
        self.waited = self.exchanged = 0.0
        return self._agreed

    # ---- accounts ----

    def account(self, seconds: float) -> str:
        wait, exchange = (f"{part / max(seconds, 1e-9):.1%}" for part in (self.waited, self.exchanged))
        return f"{self.size} processes: {exchange} of the time went into sums over all, {wait} into waiting for each other"


def _parcel(error: Exception) -> bytes:
    """The exception for the other processes; where it cannot be sent, a RuntimeError of the same words."""
    try:
        parcel = pickle.dumps(error)
        pickle.loads(parcel)
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return parcel
