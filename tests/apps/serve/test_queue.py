"""The queue: what comes together is computed together, one failure is one failure, and nobody waits for ever."""

import asyncio
import threading
import time

import pytest

from albert_np.apps.serve.queue import Full, Late, Queue, percentile


class Slow:
    """Work that can be held up; it remembers its batches."""

    def __init__(self):
        self.gate, self.batches = threading.Event(), []

    def __call__(self, examples):
        self.batches.append(list(examples))
        assert self.gate.wait(10)
        if "bad" in examples:
            raise ValueError("bad")
        return [example.upper() for example in examples]


@pytest.fixture
def slow():
    return Slow()


def with_queue(work, budget, most, do):
    queue = Queue(work, budget, most)
    try:
        return asyncio.run(do(queue))
    finally:
        getattr(work, "gate", threading.Event()).set()
        queue.close()


def test_what_waits_is_computed_together_in_order(slow):
    async def do(queue):
        first = asyncio.create_task(queue.answer("a", 1, 5))
        await asyncio.sleep(0.05)  # it is being computed, alone
        rest = [asyncio.create_task(queue.answer(name, 3, 5)) for name in "bcdef"]
        await asyncio.sleep(0.05)
        assert queue.state()["waiting"] == 5 and queue.state()["running"] == 1
        slow.gate.set()
        return await asyncio.gather(first, *rest), queue

    answers, queue = with_queue(slow, 7, 100, do)
    assert answers == list("ABCDEF")
    assert slow.batches == [["a"], ["b", "c"], ["d", "e"], ["f"]]  # at most 7 characters
    state = queue.state()
    assert state["served"] == 6 and state["batches"] == 4 and state["mean_batch"] == 1.5 and state["waiting"] == 0
    assert 0 < state["p50_ms"] <= state["p95_ms"]


def test_one_that_is_larger_than_a_batch_goes_alone(slow):
    slow.gate.set()
    assert with_queue(slow, 2, 9, lambda queue: queue.answer("abc", 3, 5)) == "ABC"


def test_a_failure_is_the_failure_of_one(slow, caplog):
    async def do(queue):
        tasks = [asyncio.create_task(queue.answer(name, 1, 5)) for name in ("x", "a", "bad", "b")]
        await asyncio.sleep(0.05)
        slow.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True), queue

    (*_, third, fourth), queue = with_queue(slow, 100, 100, do)
    assert isinstance(third, ValueError) and fourth == "B" and queue.state()["failed"] == 1


def test_a_full_queue_takes_no_more_and_goes_on_after(slow):
    async def do(queue):
        running = asyncio.create_task(queue.answer("a", 1, 5))
        await asyncio.sleep(0.05)
        waiting = [asyncio.create_task(queue.answer(name, 1, 5)) for name in "bc"]
        await asyncio.sleep(0.05)
        with pytest.raises(Full, match="2 requests are already waiting"):
            await queue.answer("d", 1, 5)
        slow.gate.set()
        await asyncio.gather(running, *waiting)
        return await queue.answer("e", 1, 5), queue.state()["refused"]

    assert with_queue(slow, 100, 2, do) == ("E", 1)


def test_who_is_late_is_told_and_not_computed(slow):
    async def do(queue):
        running = asyncio.create_task(queue.answer("a", 1, 5))
        await asyncio.sleep(0.05)
        with pytest.raises(Late, match=r"no answer within 0.05 seconds"):
            await queue.answer("b", 1, 0.05)
        slow.gate.set()
        await running
        return queue.state()["late"]

    assert with_queue(slow, 100, 100, do) == 1
    assert slow.batches == [["a"]]


def test_closing_finishes_what_waits(slow):
    queue = Queue(slow, 100, 100)

    async def do():
        tasks = [asyncio.create_task(queue.answer(name, 1, 5)) for name in "abc"]
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(asyncio.to_thread(queue.close))
        await asyncio.sleep(0.05)
        with pytest.raises(Full):
            await queue.answer("d", 1, 5)
        slow.gate.set()
        await closing
        return await asyncio.gather(*tasks)

    assert asyncio.run(do()) == list("ABC")
    assert not queue.thread.is_alive()


def test_many_from_many_loops():
    """Several event loops, hundreds of requests: every one gets its own answer."""
    queue = Queue(lambda examples: [2 * example for example in examples], 50, 10_000)

    async def ask(start):
        return await asyncio.gather(*(queue.answer(number, 1, 20) for number in range(start, start + 200)))

    found = {}
    threads = [threading.Thread(target=lambda s=start: found.update({s: asyncio.run(ask(s))})) for start in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.close()
    assert found == {start: [2 * number for number in range(start, start + 200)] for start in (0, 1000, 2000)}


def test_percentiles():
    assert (
        percentile([], 0.5) == 0 and percentile([0.001, 0.002, 0.003], 0.5) == 2.0 and percentile([0.001] * 99 + [1], 0.95) == 1.0
    )


def test_the_thread_sleeps_when_there_is_nothing_to_do():
    queue = Queue(lambda examples: examples, 10, 10)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1
    queue.close()
