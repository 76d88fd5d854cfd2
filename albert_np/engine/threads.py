"""Several threads side by side, each with one BLAS thread.

NumPy lets go of Python's lock while it computes, so threads work at the same time. That is quicker than to let BLAS divide each
product: between the products the elementwise work is divided, too, nothing waits but once at the end, and BLAS's own threads,
which keep spinning for a while after each product, are not in the way.

How many there are is what the user allows BLAS: OPENBLAS_NUM_THREADS and the like, or threadpoolctl.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def _blas() -> Any:
    """threadpoolctl's view of the BLAS libraries that are loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def count() -> int:
    """How many threads there may be now: as many as BLAS may use, 1 where that is not known."""
    return _allowed or max((library.num_threads for library in _blas().lib_controllers), default=1)


def limit(number: int) -> None:
    """From now on BLAS may use so many threads, and no more are used here."""
    _blas().limit(limits=number)


def side_by_side() -> None:
    """From now on BLAS uses one thread fewer, and `count` stays what it was: all processors are used by `run` alone.

    For a process that has other things to do besides. Threads of BLAS spin and wait for each other, so where one of them has to
    wait for a processor a product takes ten times as long; those of `run` meet but once, at the end.
    """
    global _allowed
    _allowed = count()
    _blas().limit(limits=max(1, _allowed - 1))


def run(work: Callable[..., T], *columns: Iterable[Any]) -> list[T]:
    """[work(a, b, ...) for a, b, ... in zip(*columns)], each call in a thread of its own, the first in this one.

    If some raise, the others are waited for, and the first one's exception is raised.
    """
    tasks = list(zip(*columns))
    if len(tasks) == 1:
        return [work(*tasks[0])]
    with one_blas_thread():
        others = [_pool(len(tasks) - 1).submit(work, *task) for task in tasks[1:]]
        try:
            first = work(*tasks[0])
        finally:
            for other in others:
                other.exception()  # waits
        return [first, *(other.result() for other in others)]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """One BLAS thread within; the user's setting comes back when the last that is within has left."""
    with _lock:
        _within.append(_blas().limit(limits=1) if not _within else _within[0])
    try:
        yield
    finally:
        with _lock:
            limit = _within.pop()
            if not _within:
                limit.restore_original_limits()


_lock, _within = threading.Lock(), []  # type: ignore[var-annotated]
_allowed = 0  # what `count` has to say after `side_by_side`
_executors: dict[int, ThreadPoolExecutor] = {}


def _pool(size: int) -> ThreadPoolExecutor:
    """Threads that stay; starting one takes longer than many a task."""
    with _lock:
        if size not in _executors:
            _executors[size] = ThreadPoolExecutor(size, "albert_np")
        return _executors[size]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_executors.clear)  # a forked child has none of its parent's threads
