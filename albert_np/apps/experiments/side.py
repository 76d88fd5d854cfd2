"""Jobs side by side: each a process of its own, so that a crash takes nothing else along.

Each process has a session of its own. Ctrl-C in a terminal would reach all of them at once, and so twice if it were passed on; a
second one interrupts a run before it has saved. Here they get one, from us.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import albert_np
from albert_np.engine.stop import Stop
from albert_np.training.progress import clock_time

POLL = 0.05  # seconds between two looks at the processes
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass
class Job:
    """commands: the words after `python`, one after the other · log: what they say · done: called at the end -> a line on it"""

    name: str
    commands: list[list[str]]
    log: Path
    done: Callable[[], str]
    process: Any = None
    began: float = 0.0
    failure: str = field(default="")

    def start(self, environment: dict[str, str], lock: int | None) -> None:
        """Start the next command."""
        self.began = self.began or time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.commands.pop(0)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True, pass_fds=() if lock is None else (lock,),
            )  # fmt: skip

    def ended(self) -> bool:
        """Whether the command that is running has come to its end; `failure` says if it failed."""
        code = self.process.poll()
        if code is None:
            return False
        if code:
            how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self.failure = f"{how}: {last_line(self.log)}"
        return True


def run(
    jobs: Iterable[Job], at_once: int, threads: int, stop: Stop, say: Callable[[str], None], lock: int | None = None
) -> dict[str, str]:
    """Run the jobs, so many at a time, each with so many threads -> {name of a job that failed: why}.

    When `stop` says so the running ones are asked to stop, and are waited for; what has not begun does not begin. If this is left
    by an exception (a second Ctrl-C), they are killed.
    """
    waiting, active, failed = list(jobs), [], {}  # type: ignore[var-annotated]
    total, began, asked = len(waiting), time.monotonic(), False
    environment = surroundings(threads)
    try:
        while active or (waiting and not stop.signal):
            while waiting and len(active) < at_once and not stop.signal:
                active.append(waiting.pop(0))
                active[-1].start(environment, lock)
            if stop.signal and not asked:
                asked = True
                say(f"stopping: {len(active)} running, each saves first")
                for each in active:
                    each.process.send_signal(signal.SIGINT)
            for each in [each for each in active if each.ended()]:
                if each.commands and not each.failure and not stop.signal:
                    each.start(environment, lock)
                    continue
                active.remove(each)
                number = total - len(waiting) - len(active)
                _tell(each, failed, stop, say, f"{number}/{total}", _left(began, number, total))
            time.sleep(POLL)
    finally:
        for each in active:
            if each.process is not None and each.process.poll() is None:
                each.process.kill()
                each.process.wait()
    return failed


def _tell(job: Job, failed: dict[str, str], stop: Stop, say: Callable[[str], None], place: str, left: str) -> None:
    """What became of a job whose process has ended."""
    if not job.failure and not job.commands:
        try:
            text = job.done()
            say(f"{place} {job.name}: {text} ({clock_time(time.monotonic() - job.began)}{'' if stop.signal else left})")
            return
        except (OSError, ValueError, KeyError) as error:
            job.failure = f"it ended well, and what it found cannot be read: {error}"
    if stop.signal:
        say(f"{place} {job.name}: stopped")
        return
    failed[job.name] = job.failure
    say(f"{place} {job.name}: FAILED, {job.failure}; see {job.log}")


def _left(began: float, done: int, total: int) -> str:
    return f", about {clock_time((time.monotonic() - began) / done * (total - done))} left" if done < total else ""


def surroundings(threads: int) -> dict[str, str]:
    """The environment of a run: this one, so many threads, and this very albert_np."""
    here = str(Path(albert_np.__file__).parents[1])
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONPATH": path}


def last_line(log: Path) -> str:
    """The last thing that a process said."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("albert-np: ") if lines else "it said nothing"


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
