"""The queue: what waits while the model computes is computed next, together.

One thread runs the model. When it is free it takes what has come in the meantime, in order, as much as fits a batch; so a batch
is as large as the load makes it, and nobody waits for others to come. Packed batches have no padding: texts of any lengths go
together.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("albert_np.apps.serve")
REMEMBERED = 4096  # requests whose times the percentiles are of


class Full(Exception):
    """So many wait that another one is not taken."""


class Late(Exception):
    """The time allowed for an answer has passed."""


@dataclass
class Job:
    """One example and who waits for its answer. size: characters, by which a batch is filled."""

    example: Any
    size: int
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    came: float = field(default_factory=time.perf_counter)


class Queue:
    """work: examples -> answers. budget: characters of a batch (one example may have more). most: that wait, at most."""

    def __init__(self, work: Callable[[list[Any]], list[Any]], budget: int, most: int) -> None:
        self.work, self.budget, self.most = work, budget, most
        self.waiting: deque[Job] = deque()
        self.changed = threading.Condition()
        self.running = self.served = self.batches = self.refused = self.late = self.failed = 0
        self.seconds: deque[float] = deque(maxlen=REMEMBERED)
        self.closed = False
        self.thread = threading.Thread(target=self._run, name="model", daemon=True)
        self.thread.start()

    async def answer(self, example: Any, size: int, timeout: float) -> Any:
        """The answer to an example. Full, Late; what `work` raises for this example."""
        loop = asyncio.get_running_loop()
        job = Job(example, size, loop.create_future(), loop)
        with self.changed:
            if len(self.waiting) >= self.most or self.closed:
                self.refused += 1
                raise Full(f"{len(self.waiting)} requests wait already")
            self.waiting.append(job)
            self.changed.notify()
        timer = loop.call_later(timeout, self._expire, job, timeout)
        try:
            return await job.future  # a job whose future is done, or cancelled, is not computed any more
        finally:
            timer.cancel()

    def _expire(self, job: Job, timeout: float) -> None:
        if not job.future.done():
            self.late += 1
            job.future.set_exception(Late(f"no answer within {timeout:g} seconds"))

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.thread.join()

    def state(self) -> dict[str, Any]:
        """What is going on: counts since the start, and the times of the last requests."""
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
            found = self._answers(jobs)
            self.running = 0
            self.batches += 1
            now = time.perf_counter()
            self.served += len(jobs)
            self.seconds.extend(now - job.came for job in jobs)
            self._deliver(jobs, found)

    def _take(self) -> list[Job]:
        """The next batch; [] when the queue is closed and empty."""
        with self.changed:
            while True:
                jobs: list[Job] = []
                size = 0
                while self.waiting and (not jobs or size + self.waiting[0].size <= self.budget):
                    job = self.waiting.popleft()
                    if not job.future.done():  # else nobody waits for it any more
                        jobs.append(job)
                        size += job.size
                if jobs or self.closed:
                    return jobs
                self.changed.wait()

    def _answers(self, jobs: list[Job]) -> list[Any]:
        """An answer or an exception for each. If the batch fails each is tried by itself: one must not spoil the others'."""
        try:
            return self.work([job.example for job in jobs])
        except Exception as error:
            if len(jobs) > 1:
                return [self._answers([job])[0] for job in jobs]
            self.failed += 1
            logger.exception("a request failed")
            return [error]

    @staticmethod
    def _deliver(jobs: list[Job], found: list[Any]) -> None:
        """Hand the answers to the loops that wait for them, each loop in one call."""

        def settle(own: list[tuple[Job, Any]]) -> None:
            for job, answer in own:
                if not job.future.done():
                    job.future.set_exception(answer) if isinstance(answer, Exception) else job.future.set_result(answer)

        for loop in {id(job.loop): job.loop for job in jobs}.values():
            own = [(job, answer) for job, answer in zip(jobs, found) if job.loop is loop]
            try:
                loop.call_soon_threadsafe(settle, own)
            except RuntimeError:  # the loop is closed: nobody waits
                logger.info("%d answers came after the service ended", len(own))


def percentile(times: list[float], share: float) -> float:
    """Of sorted seconds, in milliseconds."""
    return round(1000 * times[min(len(times) - 1, int(share * len(times)))], 2) if times else 0.0
