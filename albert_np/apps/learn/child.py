"""The process in which a student's file is checked: `python -m albert_np.apps.learn.child`. It reads a request from stdin.

The limits are against accidents and mischief. They are no protection against an expert who wants to break out: Python has none.
"""

import json
import math
import os
import signal
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

REFUSED = tuple(
    "socket. subprocess. os.system os.exec os.fork os.posix_spawn os.spawn os.startfile os.kill os.remove os.rename os.rmdir "
    "os.mkdir os.chmod os.chown os.link os.symlink os.truncate os.putenv shutil. ctypes. pty. urllib. http. ftplib. smtplib. "
    "webbrowser. sqlite3. tempfile.".split()
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


class Stopped(BaseException):
    """The time is over."""


def stop(*_: Any) -> None:
    """Raise Stopped where the code is; two seconds later end the process, if the code has caught the exception."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(2)
    raise Stopped


def limit(seconds: int, megabytes: int) -> None:
    """Limit time, processor time and memory, from here on. On Windows there is none of these; the parent process waits longer."""
    try:
        import resource
    except ImportError:
        return
    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGPROF, stop)
    signal.alarm(seconds + 2)  # of waiting too
    signal.setitimer(signal.ITIMER_PROF, seconds)
    used = math.ceil(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds + 2, used + seconds + 3))  # ends the process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def refuse_harm() -> None:
    """From here on, refuse to write files, to read others than Python's own, to reach the network, and to start processes."""
    own = [*sysconfig.get_paths().values(), sys.base_prefix, sys.prefix, str(Path(__file__).parents[2])]
    folders = {str(Path(folder).resolve()) for folder in own}

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(REFUSED):
            raise PermissionError(f"an exercise may not do this: {event}")
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str | bytes | os.PathLike):
                return
            if isinstance(flags, int) and flags & WRITING:
                raise PermissionError("an exercise may not write files")
            if not str(Path(os.fsdecode(path)).absolute()).startswith(tuple(folders)):
                raise PermissionError("an exercise may not read files")

    sys.addaudithook(hook)


def main() -> None:
    """Check the source of the request and write the report to stdout, as one line."""
    request = json.loads(sys.stdin.buffer.read().decode())
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever the student's code prints past sys.stdout
    sys.stdin.close()
    from albert_np.learn import check
    from albert_np.learn.load import Submission, line_of_error

    limit(request["seconds"], request["megabytes"])
    if request["restricted"]:
        refuse_harm()
    try:
        report = check(request["source"] + "\n", request["exercise"], request["restricted"]).to_dict()
    except Stopped as stopped:
        line = line_of_error(stopped)
        text = Submission({}, request["source"]).line(line) if line else ""
        report = {"stopped": f", in line {line}: {text}" if text else ""}
    except MemoryError:
        report = {"memory": True}
    answer.write(json.dumps(report) + "\n")
    answer.flush()
    os._exit(0)  # threads or exit functions of the student's code do not run on


if __name__ == "__main__":
    main()
