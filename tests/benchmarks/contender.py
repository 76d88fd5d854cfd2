"""What every contender is: a process that does one run whenever it is told to, and sits idle in between.

A line on standard input is a command: the name of something to run. The answer is a line of JSON: seconds by the clock, seconds
of processors (of all threads together), and what the run returned, if that is a dictionary.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def serve(make: Callable[[Path], dict[str, Callable[[], Any]]]) -> None:
    """make(the case's folder) -> what can be run, by its name. An exception is an answer, too.

    First "warm" is run three times, or "run" if there is none. The first answer has the peak memory after that, and the words of
    "about", if there are any.
    """
    real, sys.stdout = sys.stdout, sys.stderr  # nobody else's words among the answers

    def answer(**facts: Any) -> None:
        print(json.dumps(facts), file=real, flush=True)

    try:
        runs = make(Path(sys.argv[1]))
        for _ in range(3):  # first touches, compilers, thread pools
            runs.get("warm", runs["run"])()
        answer(memory=peak_memory(), about=runs["about"]() if "about" in runs else "")
        for line in sys.stdin:
            started, processor = time.perf_counter(), time.process_time()
            returned = runs[line.strip()]()
            times = {"seconds": time.perf_counter() - started, "processor": time.process_time() - processor}
            answer(**(returned if isinstance(returned, dict) else {}), **times)
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}".splitlines()[0][:200])


def peak_memory() -> int:
    """Bytes: the largest resident set of this process (Linux), 0 where that is not known."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
