"""Run work in several threads, each with one BLAS thread.

NumPy releases Python's global lock while it computes, so threads run in parallel. That is faster than dividing each product among
BLAS's threads: the elementwise work between the products is divided too, the threads wait for each other only once, at the end,
and BLAS's own threads, which spin for a while after each product, do not compete for the processors.

The number of threads is the one that the user allows BLAS: OPENBLAS_NUM_THREADS and the like, or threadpoolctl.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class _NoController:
    """The controller where BLAS cannot be controlled: its number of threads is unknown, and nothing limits it."""

    lib_controllers: tuple[Any, ...] = ()

    def limit(self, limits: int) -> "_NoController":
        return self

    def restore_original_limits(self) -> None:
        pass


@cache
def _blas() -> Any:
    """Return threadpoolctl's controller of the loaded BLAS libraries; one of no libraries where it is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ModuleNotFoundError:
        return _NoController()
    return ThreadpoolController().select(user_api="blas")


def describe_blas() -> str:
    """Return the BLAS, its version and the processor whose kernels it has chosen, such as "openblas 0.3.31 SkylakeX"."""
    words = [[library.internal_api, library.version, getattr(library, "architecture", "")] for library in _blas().lib_controllers]
    return ", ".join(" ".join(filter(None, each)) for each in words) or "unknown"


def count() -> int:
    """Return the number of threads that may run now: as many as BLAS may use, 1 if that is unknown."""
    return _allowed or max((library.num_threads for library in _blas().lib_controllers), default=1)


def limit(number: int) -> None:
    """Limit BLAS, and with it `run`, to this number of threads from now on."""
    _blas().limit(limits=number)


def reserve_processor() -> None:
    """Limit BLAS to one thread fewer from now on, so that one processor stays free; `count`, and so `run`, is unchanged.

    For a process that has other work besides, such as a server. BLAS's threads spin while they wait for each other, so a product
    takes ten times as long if one of them has to wait for a processor; the threads of `run` wait only once, at the end.
    """
    global _allowed
    _allowed = count()
    _blas().limit(limits=max(1, _allowed - 1))


def run(work: Callable[..., T], *columns: Iterable[Any]) -> list[T]:
    """Return [work(a, b, ...) for a, b, ... in zip(*columns)], each call in its own thread, the first in the calling one.

    An exception of a call is raised again once all calls have ended; of several, the first in the order of the columns.
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
    """Limit BLAS to one thread inside the context. The user's setting is restored when the last of several contexts ends."""
    with _lock:
        _limits.append(_blas().limit(limits=1) if not _limits else _limits[0])
    try:
        yield
    finally:
        with _lock:
            limit = _limits.pop()
            if not _limits:
                limit.restore_original_limits()


_lock, _limits = threading.Lock(), []  # type: ignore[var-annotated]
_allowed = 0  # the result of `count` after `reserve_processor`; 0: ask BLAS
_executors: dict[int, ThreadPoolExecutor] = {}


def _pool(size: int) -> ThreadPoolExecutor:
    """Return a pool of threads, cached because starting a thread takes longer than many a task."""
    with _lock:
        if size not in _executors:
            _executors[size] = ThreadPoolExecutor(size, "albert_np")
        return _executors[size]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_executors.clear)  # a forked child has none of its parent's threads
