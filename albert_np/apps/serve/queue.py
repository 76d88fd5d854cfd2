"""The queue: requests that arrive while the model computes form the next batch.

One thread runs the model. When it is free it takes the waiting requests, in order, up to the size of a batch. So the load
determines the size of a batch, and no request waits for others to arrive. Packed batches have no padding, so texts of any lengths
can be combined.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from albert_np.data.formats.summary import count_noun

logger = logging.getLogger("albert_np.apps.serve")
TIMED_REQUESTS = 4096  # the percentiles are over the last requests, up to this number


class Full(Exception):
    """The queue is full; the request was not accepted."""


class Late(Exception):
    """There was no answer within the time limit."""


@dataclass
class Job:
    """An example and the future of its answer. size: in characters."""

    example: Any
    size: int
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    arrived: float = field(default_factory=time.perf_counter)


class Queue:
    """A queue in front of a model.

    work             examples -> answers
    max_characters   of a batch; a single example may have more
    max_waiting      examples in the queue
    """

    def __init__(self, work: Callable[[list[Any]], list[Any]], max_characters: int, max_waiting: int) -> None:
        self.work, self.max_characters, self.max_waiting = work, max_characters, max_waiting
        self.waiting: deque[Job] = deque()
        self.changed = threading.Condition()
        self.running = self.served = self.batches = self.refused = self.late = self.failed = 0
        self.seconds: deque[float] = deque(maxlen=TIMED_REQUESTS)
        self.closed = False
        self.thread = threading.Thread(target=self._run, name="model", daemon=True)
        self.thread.start()

    async def answer(self, example: Any, size: int, timeout: float) -> Any:
        """Return the answer to an example. Raises Full, Late, and whatever `work` raises for this example."""
        loop = asyncio.get_running_loop()
        job = Job(example, size, loop.create_future(), loop)
        with self.changed:
            if len(self.waiting) >= self.max_waiting or self.closed:
                self.refused += 1
                raise Full(f"{count_noun(len(self.waiting), 'request is', 'requests are')} already waiting")
            self.waiting.append(job)
            self.changed.notify()
        timer = loop.call_later(timeout, self._expire, job, timeout)
        try:
            return await job.future  # a job whose future is done or cancelled is skipped
        finally:
            timer.cancel()

    def _expire(self, job: Job, timeout: float) -> None:
        if not job.future.done():
            self.late += 1
            job.future.set_exception(Late(f"no answer within {timeout:g} seconds"))

    def close(self) -> None:
        """Answer the waiting requests, and end the thread."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.thread.join()

    def state(self) -> dict[str, Any]:
        """Return counts since the start, and percentiles of the times of the last requests."""
        with self.changed:
            waiting, times = len(self.waiting), sorted(self.seconds)
        return {
            "waiting": waiting, "running": self.running, "served": self.served, "batches": self.batches,
            "mean_batch": round(self.served / self.batches, 2) if self.batches else 0.0, "refused": self.refused,
            "late": self.late, "failed": self.failed, "p50_ms": percentile(times, 0.5), "p95_ms": percentile(times, 0.95),
        }  # fmt: skip

    # ---- the thread ----

    def _run(self) -> None:
        while jobs := self._take():
            self.running = len(jobs)
            answers = self._compute(jobs)
            self.running = 0
            self.batches += 1
            now = time.perf_counter()
            self.served += len(jobs)
            self.seconds.extend(now - job.arrived for job in jobs)
            self._deliver(jobs, answers)

    def _take(self) -> list[Job]:
        """Wait for the next batch and return it; [] once the queue is closed and empty."""
        with self.changed:
            while True:
                jobs: list[Job] = []
                size = 0
                while self.waiting and (not jobs or size + self.waiting[0].size <= self.max_characters):
                    job = self.waiting.popleft()
                    if not job.future.done():  # else it expired or was cancelled
                        jobs.append(job)
                        size += job.size
                if jobs or self.closed:
                    return jobs
                self.changed.wait()

    def _compute(self, jobs: list[Job]) -> list[Any]:
        """Return an answer or an exception for each job. If a batch fails, its examples are computed one by one."""
        try:
            return self.work([job.example for job in jobs])
        except Exception as error:
            if len(jobs) > 1:
                return [self._compute([job])[0] for job in jobs]
            self.failed += 1
            logger.exception("a request failed")
            return [error]

    @staticmethod
    def _deliver(jobs: list[Job], answers: list[Any]) -> None:
        """Set the futures of the answers, with one call per event loop."""

        def set_results(pairs: list[tuple[Job, Any]]) -> None:
            for job, answer in pairs:
                if not job.future.done():
                    job.future.set_exception(answer) if isinstance(answer, Exception) else job.future.set_result(answer)

        for loop in {id(job.loop): job.loop for job in jobs}.values():
            pairs = [(job, answer) for job, answer in zip(jobs, answers) if job.loop is loop]
            try:
                loop.call_soon_threadsafe(set_results, pairs)
            except RuntimeError:  # the loop is closed
                logger.info("%d answers came after the service ended", len(pairs))


def percentile(times: list[float], share: float) -> float:
    """Return a percentile of sorted times in seconds, in milliseconds."""
    return round(1000 * times[min(len(times) - 1, int(share * len(times)))], 2) if times else 0.0
