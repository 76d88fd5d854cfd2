"""Threads that share the work on one batch, several times in a layer, where `threads.run` would take too long to start them.

Work is a list of calls that any thread may make. Each takes the next one until none is left, so a thread that wakes late finds
less to do, or nothing, and the others do not wait for it: on a virtual machine it may wake later than a product takes.
"""

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from albert_np.engine import threads


class Job:
    """Calls of a function, and what remains of them."""

    def __init__(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> None:
        self.function, self.left = function, list(reversed(calls))
        self.count, self.numbers = len(calls), itertools.count(1)
        self.errors: list[BaseException] = []
        self.ended = threading.Lock()
        self.ended.acquire()

    def work(self) -> None:
        """Make calls until none is left; the thread that ends the last one releases `ended`."""
        while True:
            try:
                call = self.left.pop()
            except IndexError:
                return
            try:
                self.function(*call)
            except BaseException as error:
                self.errors.append(error)
            if next(self.numbers) == self.count:
                self.ended.release()


class Team:
    """The calling thread and size - 1 others, which sleep while there is no job."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        for k in range(1, size):
            threading.Thread(target=self._serve, name=f"albert_np inference {k}", daemon=True).start()

    def _serve(self) -> None:
        while True:
            job = self.jobs.get()
            job.work()
            del job  # and its arrays, while this thread sleeps

    def share(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> None:
        """Make each of the calls function(*arguments) in one of the threads, and wait for all. An exception is raised again."""
        job = Job(function, calls)
        for _ in range(min(self.size, len(calls)) - 1):
            self.jobs.put(job)
        job.work()
        if calls:
            job.ended.acquire()
        if job.errors:
            raise job.errors[0]


class Alone:
    """A team of the calling thread."""

    size = 1

    def share(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> None:
        for call in calls:
            function(*call)


_lock, _idle = threading.Lock(), dict[int, list[Team]]()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # a forked child has none of its parent's threads


@contextmanager
def borrow_team(size: int) -> Iterator[Team | Alone]:
    """A team of this size for the context alone, with one BLAS thread each; of size 1, BLAS keeps its threads."""
    if size == 1:
        yield Alone()
        return
    with _lock:
        idle = _idle.setdefault(size, [])
        team = idle.pop() if idle else Team(size)
    try:
        with threads.one_blas_thread():
            yield team
    finally:
        with _lock:
            _idle.setdefault(size, []).append(team)
