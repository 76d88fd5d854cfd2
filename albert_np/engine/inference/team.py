"""Threads that compute parts of the same batch, several times in a layer, where `threads.run` would take too long to start them.

A batch of one sentence is divided twice in each layer, so the threads stay and are woken by locks, without the queue of a pool.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from albert_np.engine import threads

Work = Callable[[int], Any]


class Team:
    """The calling thread and size - 1 others, which sleep between two runs."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.work: Work = lambda k: None
        self.errors: list[BaseException] = []
        self.start = [threading.Lock() for _ in range(size - 1)]
        self.done = [threading.Lock() for _ in range(size - 1)]
        for lock in (*self.start, *self.done):
            lock.acquire()
        for k in range(1, size):
            threading.Thread(target=self._serve, args=(k,), name=f"albert_np inference {k}", daemon=True).start()

    def _serve(self, k: int) -> None:
        start, done = self.start[k - 1], self.done[k - 1]
        while True:
            start.acquire()
            try:
                self.work(k)
            except BaseException as error:
                self.errors.append(error)
            done.release()

    def run(self, work: Work) -> None:
        """Call work(0), ..., work(size - 1), the first in the calling thread, and wait for all. An exception is raised again."""
        self.work = work
        for lock in self.start:
            lock.release()
        try:
            work(0)
        finally:
            for lock in self.done:
                lock.acquire()
            errors, self.errors = self.errors, []
        if errors:
            raise errors[0]


class Alone:
    """A team of the calling thread."""

    size = 1

    def run(self, work: Work) -> None:
        work(0)


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
