"""Time albert_np beside transformers, case by case; see README.md in this folder.

    python tests/benchmarks/run.py --out tests/benchmarks/results/cpu.json

Each contender is a process of its own with the same weights, batches and number of threads. They take turns, A B A B ..., one
run each, and who is not asked sits idle; a ratio is that of two runs that follow each other. Each case has fresh processes, so
its peak memory is its own.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAUSE = 0.1  # s between two runs: threads that spin after their work have fallen asleep
IMPORTS = {
    "ours": "import albert_np",
    "theirs": "import torch; from transformers import AlbertModel",
}


class Failed(Exception):
    """A contender could not run; the reason."""


class Contender:
    """A process that waits to be told to run (contender.py)."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        found: dict[str, Any] = json.loads(line) if line else {"error": f"ended with code {self.process.wait()}"}
        if "error" in found:
            self.close()
            raise Failed(found["error"])
        return found

    def seconds(self, what: str) -> float:
        time.sleep(PAUSE)
        self.process.stdin.write(what + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        return float(self.answer()["seconds"])

    def close(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()


def contenders(case: Any, folder: Path, against: str) -> dict[str, Contender]:
    """Start them. The stronger opponents, torch.compile and onnxruntime, where they apply."""
    found = {"ours": Contender(str(HERE / "ours.py"), str(folder))}
    ways = {"transformers": ["eager"], "none": [], "all": ["eager", "onnx" if case.mode == "call" else "compile"]}[against]
    for way in ways:
        found[way] = Contender(str(HERE / "theirs.py"), str(folder), way)
    return found


def measure(case: Any, texts: Any, against: str, repeats: int) -> dict[str, Any]:
    """One case: all raw times, peak memories, and for who could not run the reason."""
    from cases import prepare

    with tempfile.TemporaryDirectory() as folder:
        prepare(case, texts, Path(folder))
        running, reasons = contenders(case, Path(folder), against), {}
        memory: dict[str, int] = {}
        for name in list(running):
            try:
                memory[name] = running[name].answer()["memory"]
            except Failed as failed:  # noqa: PERF203
                reasons[name] = str(failed)
                del running[name]
        if "ours" not in running:
            raise SystemExit(f"{case.name}: ours could not run: {reasons['ours']}")
        raw: dict[str, list[float]] = {name: [] for name in [*running, "products"]}
        running["ours"].seconds("products")  # their first run makes the operands
        for _ in range(repeats):
            for name, contender in running.items():
                raw[name].append(contender.seconds("run"))
            raw["products"].append(running["ours"].seconds("products"))
        for contender in running.values():
            contender.close()
        return {"seconds": raw, "memory": memory_of_one(memory), "reasons": reasons, **products_of(case, Path(folder), texts)}


def memory_of_one(memory: dict[str, int]) -> dict[str, int]:
    """In megabytes (10⁶ bytes)."""
    return {name: round(number / 1e6) for name, number in memory.items()}


def products_of(case: Any, folder: Path, texts: Any) -> dict[str, float]:
    """How many operations the case's matrix products are."""
    from folder import load
    from products import flops, of_batch

    _, batches = load(folder)
    total = 0
    for b in batches:
        masked = int((b["targets"] != -100).sum()) if "targets" in b else 0
        total += flops(of_batch(case.config(texts.quick), b["mask"].sum(1).tolist(), masked, case.task, case.mode != "call"))
    return {"flops": total * case.calls}


def summary(case: Any, found: dict[str, Any], peak: float) -> dict[str, Any]:
    """The numbers of the table. Ratios are theirs / ours, of runs that follow each other: median, least, greatest."""
    times, ours = found["seconds"], found["seconds"]["ours"]
    ratios = {
        name: [statistics.median(pairs), min(pairs), max(pairs)]
        for name in times
        if name not in ("ours", "products")
        for pairs in [[b / a for a, b in zip(ours, times[name])]]
    }
    median = statistics.median(ours)
    return {
        "name": case.name, "title": case.title, "target": case.target, "memory_target": case.memory, "calls": case.calls, **found,
        "medians": {name: statistics.median(values) for name, values in times.items()},
        "ratios": ratios,
        "over_products": statistics.median(a / b for a, b in zip(ours, times["products"])),
        "fraction_of_peak": found["flops"] / median / 1e9 / peak,
    }  # fmt: skip


def imports(repeats: int) -> dict[str, Any]:
    """Seconds that an import takes in a fresh process, in turns."""
    code = "import time; s = time.perf_counter(); {}; print(time.perf_counter() - s)"
    raw: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(repeats):
        for name, statement in IMPORTS.items():
            ran = subprocess.run([sys.executable, "-c", code.format(statement)], capture_output=True, text=True, check=True)
            raw[name].append(float(ran.stdout.split()[-1]))
    return {"seconds": raw, "medians": {name: statistics.median(values) for name, values in raw.items()}}


def machine(threads: int) -> dict[str, Any]:
    """What the times depend on."""
    import numpy as np
    from threadpoolctl import threadpool_info

    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    blas = [{key: library.get(key) for key in ("internal_api", "version", "architecture")} for library in threadpool_info()]
    return {
        "cpu": model or platform.processor(), "cores": os.cpu_count(), "threads": threads, "python": platform.python_version(),
        "numpy": np.__version__, "blas": blas,
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Of the opponents, where they are installed."""
    from importlib import metadata

    found = {}
    for name in ("torch", "transformers", "onnxruntime"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="some of those in cases.py, import, kernels [all]")
    parser.add_argument("--repeats", type=int, default=9, help="runs of each contender [9]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each contender [all cores]")
    parser.add_argument(
        "--against", choices=["none", "transformers", "all"], default="all", help="all: torch.compile, onnxruntime too"
    )
    parser.add_argument("--quick", action="store_true", help="tiny models in the place of base: to try the program itself")
    parser.add_argument("--out", type=Path, help="the results, JSON; what it holds of other cases is kept")
    chosen = parser.parse_args(given)
    if chosen.repeats < 1 or chosen.threads < 1:
        parser.error("--repeats and --threads must be at least 1")
    return chosen


def main(given: list[str] | None = None) -> None:
    chosen = arguments(given)
    for name in ("OPENBLAS", "MKL", "OMP"):  # before NumPy is imported, here and in the contenders
        os.environ[f"{name}_NUM_THREADS"] = str(chosen.threads)
    from cases import CASES, Texts
    from products import peak_gflops
    from table import print_tables

    names = [*(case.name for case in CASES), "import", "kernels"]
    wanted = chosen.cases or names
    if unknown := set(wanted) - set(names):
        raise SystemExit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(names)}")

    results = json.loads(chosen.out.read_text()) if chosen.out and chosen.out.exists() else {"cases": {}}
    with tempfile.TemporaryDirectory() as workshop:
        texts = Texts(Path(workshop), chosen.quick)
        peak = peak_gflops(256 if chosen.quick else 2048)
        facts = dict(
            date=str(datetime.date.today()),
            text=texts.name,
            peak_gflops=peak,
            machine=machine(chosen.threads),
            versions=versions(),
        )
        results |= facts
        for case in CASES:
            if case.name in wanted:
                print(f"{case.name} ...", file=sys.stderr, flush=True)
                results["cases"][case.name] = summary(case, measure(case, texts, chosen.against, chosen.repeats), peak)
    results["cases"] = {case.name: results["cases"][case.name] for case in CASES if case.name in results["cases"]}
    if "import" in wanted and chosen.against != "none":
        results["import"] = imports(chosen.repeats)
    if "kernels" in wanted and chosen.against != "none":
        command = [sys.executable, str(HERE / "kernels.py"), *(["--quick"] if chosen.quick else [])]
        results["kernels"] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print_tables(results)


if __name__ == "__main__":
    main()
