"""Several processes through MPI (mpi4py).

Every collective starts with the same small all-reduce, the barrier. It carries a few numbers to be summed, whether a process has
failed, and whether one has received a signal. So a process that fails anywhere, at any time, only has to join the next barrier:
the others are there, or will be, and learn about the failure. No process waits in a collective that another one will not join.
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
from albert_np.engine.mpi.links import get_link, transfer_type
from albert_np.engine.mpi.processes import Partition, Processes
from albert_np.engine.stop import Stop

T = TypeVar("T")

MOST_NUMBERS = 6  # that a barrier can sum
SPIN, NAP = 1e-3, 2e-4  # seconds: after SPIN a waiting process sleeps for NAP between two tests, so that others can run


class MpiProcesses(Processes):
    """The processes of an MPI communicator, by default of COMM_WORLD."""

    def __init__(self, comm: Any = None) -> None:
        self.comm = MPI.COMM_WORLD if comm is None else comm
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self.rank_and_size = (self.rank, self.size)
        self.waited = self.exchanged = 0.0  # seconds
        self._own_stop, self._shared_stop = Stop(), Stop()
        self._guarded = False
        self._failure_is_shared = False
        self._in_collective = False  # after its barrier: the others wait in the collective, where no barrier can reach them
        self._links: dict[Any, Any] = {}

    def library(self) -> str:
        """Return the name of the MPI that mpi4py uses."""
        return " ".join(MPI.Get_library_version().split()[:3])

    def divide_cores(self) -> None:
        """Limit BLAS to this process's share of its machine's cores, unless the user has set a number of threads."""
        same_machine = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        cores.limit_threads(same_machine.allgather(cores.allowed_cores()), same_machine.Get_rank())
        same_machine.Free()

    # ---- barriers ----

    def sum_numbers(self, *numbers: float) -> tuple[float, ...]:
        return tuple(self._barrier(numbers)[: len(numbers)].tolist())

    def barrier(self) -> None:
        self._barrier()

    def _barrier(self, numbers: tuple[float, ...] = (), error: Exception | None = None) -> np.ndarray:
        """Wait for all processes and return the sums (MOST_NUMBERS,) of their numbers. An exception of one is raised in all."""
        own, summed = np.zeros((2, 2 + MOST_NUMBERS))
        own[:2] = error is not None, self._own_stop.signal != 0
        own[2 : 2 + len(numbers)] = numbers
        self._wait(self.comm.Iallreduce(own, summed))
        if summed[0]:
            self._failure_is_shared = True
            raise self._get_failure(error)
        if summed[1] and not self._shared_stop.signal:
            self._shared_stop.signal = max(self.comm.allgather(self._own_stop.signal))
        return summed[2:]

    def _wait(self, request: Any) -> None:
        """Wait without using a core: MPI's own waiting would keep one busy, for as long as the main process tokenises."""
        began = time.perf_counter()
        while not request.Test():
            if time.perf_counter() - began > SPIN:
                time.sleep(NAP)
        self.waited += time.perf_counter() - began

    def _get_failure(self, error: Exception | None) -> Exception:
        """Return the exception to raise in this process: its own, or that of the first process that has one."""
        pickles = self.comm.allgather(None if error is None else _pickle_exception(error))
        if error is not None:
            return error
        rank, data = next((rank, data) for rank, data in enumerate(pickles) if data is not None)
        failure = pickle.loads(data)
        failure.process = f"process {rank} of {self.size}"
        return failure

    @contextmanager
    def guard(self) -> Iterator[None]:
        if self._guarded:
            yield
            return
        self._guarded, self._failure_is_shared, self._in_collective = True, False, False
        try:
            yield
            self._barrier()  # a process that fails at the very end still finds the others
        except Exception as error:
            if self._failure_is_shared:
                raise
            self._share_failure(error)
        except BaseException as error:  # a second Ctrl-C, an exit: at once, without waiting for the others
            self._abort("interrupted" if isinstance(error, KeyboardInterrupt) else repr(error), 130)
        finally:
            self._guarded = False

    def _share_failure(self, error: Exception) -> None:
        """Raise the error at the next barrier, in all processes. If that is impossible, abort them all."""
        if self._in_collective:
            self._abort(str(error) or repr(error), 1)
        error.process = f"process {self.rank} of {self.size}"  # type: ignore[attr-defined]
        try:
            self._barrier(error=error)
        except MPI.Exception as broken:
            self._abort(f"{error} ({broken})", 1)
        except KeyboardInterrupt:
            self._abort(str(error), 1)

    def _abort(self, message: str, code: int) -> None:
        if not self.is_main:
            time.sleep(0.5)  # most often all are interrupted: then the main process prints, and ends the others
        launcher.print_error(message)
        self.comm.Abort(code)

    # ---- arrays ----

    def sum_table(self, table: np.ndarray) -> np.ndarray:
        summed = np.array(table, dtype=np.float64)
        with self._collective():
            self.comm.Allreduce(MPI.IN_PLACE, summed)
        return summed

    def all_reduce(self, flat: Any) -> None:
        with self._collective():
            self._link(flat).all_reduce(flat)

    def reduce_scatter(self, flat: Any, parts: Partition) -> None:
        with self._collective():
            self._link(flat).reduce_scatter(flat, parts)

    def all_gather(self, flat: Any, parts: Partition) -> None:
        with self._collective():
            self._link(flat).all_gather(flat, parts)

    def broadcast(self, flat: Any) -> None:
        host = np.ascontiguousarray(backend.to_host(flat))
        with self._collective():
            self.comm.Bcast(host, 0)
        flat[...] = backend.asarray_like(host, flat)

    def gather_parts(self, part: Any, parts: Partition) -> np.ndarray | None:
        host = np.ascontiguousarray(backend.to_host(part))
        whole = np.empty(parts[-1][1], host.dtype) if self.is_main else None
        counts, starts = [stop - start for start, stop in parts], [start for start, _ in parts]
        with self._collective():
            self.comm.Gatherv(host, [whole, counts, starts, transfer_type(host)] if self.is_main else None, 0)
        return whole

    @contextmanager
    def _collective(self) -> Iterator[None]:
        """Pass a barrier, and then do in the block what the barrier was for."""
        self._barrier()
        began, self._in_collective = time.perf_counter(), True
        yield
        self.exchanged += time.perf_counter() - began
        self._in_collective = False

    def _link(self, flat: Any) -> Any:
        """Return the link for arrays like this one; it is chosen once, by all processes together."""
        key = backend.of(flat).name, len(flat), flat.dtype
        if key not in self._links:
            self._links[key] = get_link(self.comm, flat)
        return self._links[key]

    # ---- values ----

    def all_gather_objects(self, value: T) -> list[T]:
        data = pickle.dumps(value)
        with self._collective():
            return [pickle.loads(other) for other in self.comm.allgather(data)]

    def broadcast_object(self, make: Callable[[], T]) -> T:
        value = make() if self.is_main else None
        data = pickle.dumps(value) if self.is_main else None
        with self._collective():
            data = self.comm.bcast(data, 0)
        return value if self.is_main else pickle.loads(data)  # type: ignore[return-value, arg-type]

    @contextmanager
    def main_process_first(self) -> Iterator[None]:
        if not self.is_main:
            self._barrier()
        yield
        if self.is_main:
            self._barrier()
        self._barrier()

    @contextmanager
    def main_process_only(self, context: AbstractContextManager[T]) -> Iterator[T]:
        if not self.is_main:
            self._barrier()
            yield context  # type: ignore[misc]
            return
        with context as entered:
            self._barrier()
            yield entered

    def shared_stop(self, stop: Stop) -> Stop:
        self._own_stop, self._shared_stop = stop, Stop()
        self.waited = self.exchanged = 0.0
        return self._shared_stop

    # ---- statistics ----

    def communication_summary(self, seconds: float) -> str:
        wait, exchange = (f"{part / max(seconds, 1e-9):.1%}" for part in (self.waited, self.exchanged))
        return f"{self.size} processes: {exchange} of the time went into sums over all, {wait} into waiting for each other"


def _pickle_exception(error: Exception) -> bytes:
    """Return the pickled exception or, if it cannot be pickled and restored, a RuntimeError with the same message."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return data
