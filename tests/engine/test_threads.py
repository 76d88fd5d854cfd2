"""Work in several threads, and the user's setting of BLAS."""

import os
import subprocess
import sys
import threading
import time

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from albert_np.engine import threads


def blas():
    """Return the number of threads of NumPy's BLAS (SciPy may have loaded another BLAS, which is not used here)."""
    controllers = ThreadpoolController().select(user_api="blas").lib_controllers
    own = [library for library in controllers if "numpy" in library.filepath]
    return [library.num_threads for library in own or controllers]


@pytest.fixture(autouse=True)
def two_of_blas():
    """Set BLAS to two threads for a test, whatever the machine has."""
    with threadpool_limits(2, user_api="blas"):
        before = blas()
        yield before
        assert blas() == before


def test_as_many_as_blas_may_use():
    assert threads.count() == max(blas())
    with threadpool_limits(1, user_api="blas"):
        assert threads.count() == 1


def test_the_variable():
    ran = subprocess.run(
        [sys.executable, "-c", "from albert_np.engine import threads; print(threads.count())"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == "1"


def test_in_order_each_in_its_thread_with_one_of_blas():
    def work(i, j):
        time.sleep(0.02 * (3 - i))  # the first ends last
        return i, j, threading.get_ident(), blas()

    results = threads.run(work, range(3), "abc")
    assert [(i, j) for i, j, _, _ in results] == [(0, "a"), (1, "b"), (2, "c")]
    assert len({ident for *_, ident, _ in results}) == 3 and results[0][2] == threading.get_ident()
    assert all(set(counts) == {1} for *_, counts in results)


def test_a_single_task_has_all_of_blas(two_of_blas):
    assert threads.run(lambda i: blas(), [0]) == [two_of_blas]


def test_a_server_leaves_a_processor_to_others(monkeypatch):
    monkeypatch.setattr(threads, "_allowed", 0)  # put back afterwards
    with threadpool_limits(3, user_api="blas"):
        threads.reserve_processor()
        assert threads.count() == 3 and set(blas()) == {2}
        assert all(set(counts) == {1} for counts in threads.run(lambda i: blas(), range(3)))
        assert threads.count() == 3 and set(blas()) == {2}


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_an_exception_waits_for_the_others(wrong):
    ended = []

    def work(i):
        if i == wrong:
            raise KeyError(i)
        time.sleep(0.05)
        ended.append(i)

    with pytest.raises(KeyError, match=str(wrong)):
        threads.run(work, range(3))
    assert sorted(ended) == sorted({0, 1, 2} - {wrong})


def test_the_first_of_several_exceptions():
    def work(i):
        raise KeyError(i)

    with pytest.raises(KeyError, match="0"):
        threads.run(work, range(3))


def test_one_within_another_and_several_at_once(two_of_blas):
    with threads.one_blas_thread():
        with threads.one_blas_thread():
            assert set(blas()) == {1} and threads.count() == 1
        assert set(blas()) == {1}
    callers = [threading.Thread(target=lambda: threads.run(lambda i: time.sleep(0.01), range(2))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)
    assert not any(caller.is_alive() for caller in callers) and blas() == two_of_blas


def test_any_thread_limits_blas(two_of_blas):
    """threadpoolctl 3.8 lets only the first thread that sets a limit do so."""
    with threads.one_blas_thread():
        pass
    found = []

    def other():
        found.append(threads.count_here())
        found.extend(threads.run(lambda i: (set(blas()), threads.count_here()), range(2)))
        found.append(blas())

    caller = threading.Thread(target=other)
    caller.start()
    caller.join(10)
    assert found == [2, ({1}, 1), ({1}, 1), two_of_blas]
    with threadpool_limits(1, user_api="blas"):
        assert set(blas()) == {1}


def test_the_threads_of_a_call_do_not_depend_on_those_of_another():
    found = []
    with threads.one_blas_thread():
        caller = threading.Thread(target=lambda: found.append((threads.count(), threads.count_here())))
        caller.start()
        caller.join(10)
    assert found == [(1, 2)] and threads.count_here() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    threads.run(lambda i: i, range(2))
    child = os.fork()
    if child == 0:
        os._exit(7 if threads.run(lambda i: 2 * i, range(2)) == [0, 2] else 1)
    deadline = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, 9)
    assert ended != (0, 0) and os.waitstatus_to_exitcode(ended[1]) == 7
