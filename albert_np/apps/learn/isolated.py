"""Check a file in a process of its own, which is ended when it takes too long."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import albert_np
from albert_np.engine.webassembly import refuse_in_webassembly
from albert_np.learn import Report
from albert_np.learn.exercises import LADDER, get
from albert_np.learn.grade import read
from albert_np.learn.load import Unusable, exercise_named_in

SECONDS = 20
MEGABYTES = 2000
STARTING = 20  # seconds that the process may need before it runs the file, on a busy machine


def check_file(
    path: Path, exercise: str | None = None, seconds: int = SECONDS, megabytes: int = MEGABYTES, restricted: bool = False
) -> Report:
    """Return the report on a file. An endless loop or too much memory is an error in the report.

    seconds, megabytes: limits of the process. restricted: refuse imports, files, network and processes.
    """
    if exercise is not None:
        get(exercise)
    try:
        source = read(path)
    except Unusable as unusable:
        return Report(exercise or "", error=f"{unusable}.")
    named = exercise or exercise_named_in(source)
    return check_source(source, named if named in LADDER else exercise, seconds, megabytes, restricted)


def check_source(source: str, exercise: str | None, seconds: int, megabytes: int, restricted: bool) -> Report:
    """Return the report on the text of a file, from a process of its own."""
    refuse_in_webassembly("checking a file in a process of its own", "processes", "call albert_np.learn.check in this one")
    request = dict(source=source, exercise=exercise, seconds=seconds, megabytes=megabytes, restricted=restricted)
    root = str(Path(albert_np.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    process = subprocess.Popen(
        [sys.executable, "-m", "albert_np.apps.learn.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment, start_new_session=True,
    )  # fmt: skip
    title = get(exercise).title if exercise else ""
    try:
        output, errors = process.communicate(json.dumps(request).encode(), timeout=seconds + STARTING)
    except subprocess.TimeoutExpired:
        return Report(exercise or "", title, error=too_slow(seconds))
    finally:
        end(process)
    try:
        answer = json.loads(output.decode().splitlines()[-1])
    except (ValueError, IndexError):
        if process.returncode in tuple(-getattr(signal, name, 0) for name in ("SIGKILL", "SIGXCPU", "SIGALRM")):
            return Report(exercise or "", title, error=too_slow(seconds))
        last = (errors.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        return Report(exercise or "", title, error=f"The check ended without a result: {last}.")
    if "stopped" in answer:
        return Report(exercise or "", title, error=too_slow(seconds, answer["stopped"]))
    if "memory" in answer or "MemoryError" in answer["error"]:
        return Report(exercise or "", title, error=f"Your code needs more than {megabytes} MB of memory.")
    return Report.from_dict(answer)


def too_slow(seconds: int, place: str = "") -> str:
    return f"Your code was stopped after {seconds} seconds{place}. Is there a loop that does not end?"


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and whatever it has started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
    process.communicate()
