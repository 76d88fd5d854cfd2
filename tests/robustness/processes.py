"""Commands as separate processes, and the results of a run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from stories import SIZES

DROPOUT = ["--dropout", "0.1"]
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}


class Commands:
    """albert-np's commands as processes."""

    def start(self, *arguments: object, code: str = "", **options) -> subprocess.Popen:
        """code: Python that is run in the process before the command."""
        begin = (
            ["-m", "albert_np"]
            if not code
            else ["-c", f"{code}\nimport sys; from albert_np.apps.cli import main; sys.exit(main())"]
        )
        streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        return subprocess.Popen([sys.executable, *begin, *map(str, arguments)], **{**streams, **options})

    def run(self, *arguments: object, expect: int | None = 0, **options) -> subprocess.CompletedProcess:
        """Run one to its end; its exit code must be the one expected, and a failure must be one line."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=900)
        assert expect is None or process.returncode == expect, (process.returncode, err)
        assert not err or "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def refused(self, *arguments: object, code: int, **options) -> str:
        """Run one that must fail -> the last line of what it says."""
        said = self.run(*arguments, expect=code, **options).stderr.splitlines()
        assert said[-1].startswith("albert-np: ") and sum(line.startswith("albert-np: ") for line in said) == 1, said
        return said[-1]

    def pretraining(self, text: Path, out: Path, steps: int, *more: object) -> list[object]:
        return ["pretrain", text, "--out", out, *SIZES, *DROPOUT, "--held-out", "0.2", "--steps", steps, *more, "--quiet"]

    def finetuning(self, rows: Path, out: Path, *more: object) -> list[object]:
        return ["finetune", "classification", "--config", "tiny", "--train", rows, "--dev", rows, "--out", out, *SIZES, *DROPOUT,
                "--lr", "0.003", *more, "--quiet"]  # fmt: skip

    def wait_for(self, process: subprocess.Popen, there, seconds: float = 500) -> None:
        """Until `there()` is true; the process must live till then."""
        end = time.monotonic() + seconds
        while not there():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end, "it did not come so far"
            time.sleep(0.001)

    def wait_for_end_or(self, process: subprocess.Popen, there) -> None:
        while process.poll() is None and not there():
            time.sleep(0.001)

    def end(self, process: subprocess.Popen, number: int = signal.SIGKILL) -> tuple[int, str]:
        """Send a signal -> exit code, what it said on stderr."""
        process.send_signal(number)
        _, err = process.communicate(timeout=900)
        return process.returncode, err


def came_to(folder: Path) -> dict[str, object]:
    """What a run came to: its parameters and moments byte for byte, and its records but for the clock."""
    from safetensors.numpy import load_file

    found: dict[str, object] = {}
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("seed-*/*.safetensors")]):
        found[str(path.relative_to(folder))] = {name: array.tobytes() for name, array in load_file(path).items()}
    if saved := sorted(folder.glob("checkpoints/step-*")):
        for name in ("params.safetensors", "moments.safetensors"):
            found[name] = (saved[-1] / name).read_bytes()
    for path in sorted([*folder.glob("metrics.jsonl"), *folder.glob("seed-*/metrics.jsonl")]):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[str(path.relative_to(folder))] = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
    assert found
    return found
