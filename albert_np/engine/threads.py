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


def count_here() -> int:
    """Return the number of threads that a call in this thread may use: 1 within a call of `run`.

    Elsewhere it is `count`, but as it is without the limits that other threads set for a moment: what depends on it is then the
    same in each call.
    """
    if in_share():
        return 1
    with _lock:
        return _unlimited if _limits else count()


def in_share() -> bool:
    """Return whether this thread computes one of the calls of `run`."""
    return getattr(_this_thread, "shares", False)


@contextmanager
def _control() -> Iterator[None]:
    """Let this thread set BLAS's number of threads inside the context, and any other thread afterwards.

    threadpoolctl 3.8 and newer otherwise ignore, in silence, what another thread sets than the first that ever set it.
    """
    controllers = [each for each in _blas().lib_controllers if hasattr(each, "clear_controlling_thread")]
    for each in controllers:
        each.clear_controlling_thread(force=True)
    yield
    for each in controllers:
        each.clear_controlling_thread(force=True)


def _limit_blas(number: int) -> Any:
    """Limit BLAS to this number of threads; the result's `restore_original_limits` ends it."""
    with _control():
        return _blas().limit(limits=number)


def limit(number: int) -> None:
    """Limit BLAS, and with it `run`, to this number of threads from now on."""
    _limit_blas(number)


def reserve_processor() -> None:
    """Limit BLAS to one thread fewer from now on, so that one processor stays free; `count`, and so `run`, is unchanged.

    For a process that has other work besides, such as a server. BLAS's threads spin while they wait for each other, so a product
    takes ten times as long if one of them has to wait for a processor; the threads of `run` wait only once, at the end.
    """
    global _allowed
    _allowed = count()
    _limit_blas(max(1, _allowed - 1))


def run(work: Callable[..., T], *columns: Iterable[Any]) -> list[T]:
    """Return [work(a, b, ...) for a, b, ... in zip(*columns)], each call in its own thread, the first in the calling one.

    An exception of a call is raised again once all calls have ended; of several, the first in the order of the columns.
    """
    tasks = list(zip(*columns))
    if len(tasks) == 1:
        return [work(*tasks[0])]

    def share(*task: Any) -> T:
        outside, _this_thread.shares = in_share(), True
        try:
            return work(*task)
        finally:
            _this_thread.shares = outside

    with one_blas_thread():
        others = [_pool(len(tasks) - 1).submit(share, *task) for task in tasks[1:]]
        try:
            first = share(*tasks[0])
        finally:
            for other in others:
                other.exception()  # waits
        return [first, *(other.result() for other in others)]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread inside the context. The user's setting is restored when the last of several contexts ends."""
    global _unlimited
    with _lock:
        if not _limits:
            _unlimited = count()
        _limits.append(_limits[0] if _limits else _limit_blas(1))
    try:
        yield
    finally:
        with _lock:
            limit = _limits.pop()
            if not _limits:
                with _control():
                    limit.restore_original_limits()


_lock, _limits = threading.Lock(), []  # type: ignore[var-annotated]
_unlimited = 0  # the result of `count` before the first of the limits
_this_thread = threading.local()
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
