"""Run jobs in parallel, each in its own process, so that a crash affects no other job.

Each process has its own session, so that Ctrl-C in a terminal does not reach it: a run that got the signal from the terminal and
from us would be interrupted before it has saved.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import albert_np
from albert_np.engine.stop import Stop

POLL = 0.05  # seconds between two polls of the processes
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass
class Job:
    """Commands to run one after the other.

    commands: arguments of `python`; log: file for their output; finish: called after the last one, returns a line to print.
    """

    name: str
    commands: list[list[str]]
    log: Path
    finish: Callable[[], str]
    process: Any = None
    started: float = 0.0
    failure: str = field(default="")

    def start(self, environment: dict[str, str], lock: int | None) -> None:
        """Start the next command."""
        self.started = self.started or time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.commands.pop(0)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True, pass_fds=() if lock is None else (lock,),
            )  # fmt: skip

    def has_ended(self) -> bool:
        """Return True if the running command has ended; sets `failure` if it failed."""
        code = self.process.poll()
        if code is None:
            return False
        if code:
            how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self.failure = f"{how}: {read_last_line(self.log)}"
        return True


def run_jobs(
    jobs: Iterable[Job], limit: int, threads: int, stop: Stop, print_line: Callable[[str], None], lock: int | None = None
) -> dict[str, str]:
    """Run the jobs, at most `limit` at a time, with `threads` threads each -> {name of a failed job: reason}.

    When `stop` has received a signal, the running jobs are interrupted and waited for, and no other is started. On an exception
    (a second Ctrl-C) they are killed.
    """
    waiting, active, failed = list(jobs), [], {}  # type: ignore[var-annotated]
    total, started, interrupted = len(waiting), time.monotonic(), False
    environment = child_environment(threads)
    try:
        while active or (waiting and not stop.signal):
            while waiting and len(active) < limit and not stop.signal:
                active.append(waiting.pop(0))
                active[-1].start(environment, lock)
            if stop.signal and not interrupted:
                interrupted = True
                print_line(f"stopping: {len(active)} running, each saves first")
                for each in active:
                    each.process.send_signal(signal.SIGINT)
            for each in [each for each in active if each.has_ended()]:
                if each.commands and not each.failure and not stop.signal:
                    each.start(environment, lock)
                    continue
                active.remove(each)
                done = total - len(waiting) - len(active)
                _report_end(each, failed, stop, print_line, f"{done}/{total}", _format_time_left(started, done, total))
            time.sleep(POLL)
    finally:
        for each in active:
            if each.process is not None and each.process.poll() is None:
                each.process.kill()
                each.process.wait()
    return failed


def _report_end(job: Job, failed: dict[str, str], stop: Stop, print_line: Callable[[str], None], count: str, left: str) -> None:
    """Finish a job whose process has ended, and report its result."""
    if not job.failure and not job.commands:
        try:
            text = job.finish()
            seconds = _format_seconds(time.monotonic() - job.started)
            print_line(f"{count} {job.name}: {text} ({seconds}{'' if stop.signal else left})")
            return
        except (OSError, ValueError, KeyError) as error:
            job.failure = f"it ended without an error, but its results cannot be read: {error}"
    if stop.signal:
        print_line(f"{count} {job.name}: stopped")
        return
    failed[job.name] = job.failure
    print_line(f"{count} {job.name}: FAILED, {job.failure}; see {job.log}")


def _format_time_left(started: float, done: int, total: int) -> str:
    return f", about {_format_seconds((time.monotonic() - started) / done * (total - done))} left" if done < total else ""


def _format_seconds(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def child_environment(threads: int) -> dict[str, str]:
    """Return the environment of a run: the current one, with this number of threads and the same albert_np."""
    package = str(Path(albert_np.__file__).parents[1])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def read_last_line(log: Path) -> str:
    """Return the last line of a log that is not empty."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("albert-np: ") if lines else "no output"


def count_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
