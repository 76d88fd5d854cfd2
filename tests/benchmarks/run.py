"""Time albert_np beside transformers, case by case; see README.md in this folder.

    python tests/benchmarks/run.py --out tests/benchmarks/results/cpu.json

Each contender is a process of its own with the same weights, batches and number of threads. They take turns, A B A B ..., one
run each, and who is not asked sits idle; a ratio is that of two runs that follow each other. Each case has fresh processes, so
its peak memory is its own.

The file is written after each case, and what it holds of other cases is kept, so a measurement can be divided: every

    python tests/benchmarks/run.py --minutes 10 --out tests/benchmarks/results/cpu.json

takes the cases that are not in the file yet, then those of other commits, the oldest first, and starts none after ten minutes
(a case takes from one to seven).
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

    def run(self, what: str) -> dict[str, Any]:
        """-> {"seconds", "processor"} and what the run returns, if that is a dictionary"""
        time.sleep(PAUSE)
        self.process.stdin.write(what + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        return self.answer()

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
        first: dict[str, dict[str, Any]] = {}
        for name in list(running):
            try:
                first[name] = running[name].answer()
            except Failed as failed:  # noqa: PERF203
                reasons[name] = str(failed)
                del running[name]
        if "ours" not in running:
            raise SystemExit(f"{case.name}: ours could not run: {reasons['ours']}")
        raw: dict[str, list[dict[str, float]]] = {name: [] for name in [*running, "products"]}
        running["ours"].run("products")  # their first run makes the operands
        for _ in range(repeats):
            for name, contender in running.items():
                raw[name].append(contender.run("run"))
            raw["products"].append(running["ours"].run("products"))
        for contender in running.values():
            contender.close()
        times = {key: {name: [each[key] for each in runs] for name, runs in raw.items()} for key in ("seconds", "processor")}
        memory = memory_of_one({name: answer["memory"] for name, answer in first.items()})
        about = {"inference": first["ours"]["about"]} if first["ours"]["about"] else {}
        return {**times, "memory": memory, "reasons": reasons, **about, **products_of(case, Path(folder), texts)}


def memory_of_one(memory: dict[str, int]) -> dict[str, int]:
    """In megabytes (10⁶ bytes)."""
    return {name: round(number / 1e6) for name, number in memory.items()}


def products_of(case: Any, folder: Path, texts: Any) -> dict[str, int]:
    """How many operations the case's matrix products are, and of how many tokens."""
    from folder import load
    from products import flops, of_batch

    _, batches = load(folder)
    total = tokens = 0
    for b in batches:
        masked = int((b["targets"] != -100).sum()) if "targets" in b else 0
        total += flops(of_batch(case.config(texts.quick), b["mask"].sum(1).tolist(), masked, case.task, case.mode != "call"))
        tokens += int(b["mask"].sum())
    return {"flops": total * case.calls, "tokens": tokens * case.calls}


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
        "peak_gflops": peak,
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
    """What the times depend on. numpy_simd: the processor features of NumPy's own loops; those of its products are the BLAS's"""
    import numpy as np
    from threadpoolctl import threadpool_info

    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    blas = [{key: library.get(key) for key in ("internal_api", "version", "architecture")} for library in threadpool_info()]
    return {
        "cpu": model or platform.processor(), "cores": os.cpu_count(), "threads": threads, "python": platform.python_version(),
        "numpy": np.__version__, "numpy_simd": np.show_config(mode="dicts")["SIMD Extensions"]["found"], "blas": blas,  # type: ignore[index,call-overload]
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Of the opponents, where they are installed."""
    from importlib import metadata

    found = {}
    for name in ("torch", "transformers", "onnxruntime"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    if "torch" in found:
        code = "import torch; print(torch.backends.cpu.get_cpu_capability())"
        found["torch_simd"] = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
    return found


def provenance(threads: int) -> dict[str, Any]:
    """Of the results of a run: when, of which commit, and on which machine."""
    return {"date": str(datetime.date.today()), "commit": commit(), "machine": machine(threads), "versions": versions()}


def commit() -> str:
    """The commit of the repository, with "-dirty" if files were changed since; "" without git."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=10"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


# ---- the command ----


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="some of those in cases.py, import, kernels [all]")
    parser.add_argument("--minutes", type=float, help="start no case after this time; the next call goes on with the others")
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
    if chosen.minutes is not None and not (chosen.minutes > 0 and chosen.out):
        parser.error("--minutes must be positive, and needs --out, which holds the cases that were measured before")
    return chosen


def read_results(path: Path | None, now: dict[str, Any]) -> dict[str, Any]:
    """The stored results, to which more are added. SystemExit if they are of another machine, or of other opponents."""
    if path is None or not path.exists():
        return {"cases": {}, "measured": {}}
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    differing = [
        f"{key} was {then!r} and is {value!r}"
        for part in ("machine", "versions")
        for key, value in now[part].items()
        if key in results[part] and comparable(then := results[part][key]) != comparable(value)
    ]
    if differing:
        raise SystemExit(f"{path} was measured under other conditions, so no case can be added to it: {'; '.join(differing)}")
    before = {"date": results["date"], "commit": results.get("commit", "")}
    names = [*results["cases"], *({"import", "kernels"} & set(results))]
    results["measured"] = {**dict.fromkeys(names, before), **results.get("measured", {})}
    return results


def comparable(value: Any) -> Any:
    """A fact about the machine; of a list of libraries those that have kernels for a processor: the BLAS."""
    is_libraries = isinstance(value, list) and any(isinstance(each, dict) for each in value)
    return [each for each in value if each["architecture"]] if is_libraries else value


def order_by_need(wanted: list[str], measured: dict[str, dict[str, str]], commit: str) -> list[str]:
    """Of these cases those to be measured: first those without results, then those of other commits, the oldest first."""
    missing = [name for name in wanted if name not in measured]
    older = [name for name in wanted if name in measured and measured[name]["commit"] != commit]
    return [*missing, *sorted(older, key=lambda name: measured[name]["date"])]


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write them whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def measure_kernels(quick: bool) -> Any:
    """Single operations, see kernels.py."""
    command = [sys.executable, str(HERE / "kernels.py"), *(["--quick"] if quick else [])]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main(given: list[str] | None = None) -> None:
    chosen = arguments(given)
    for name in ("OPENBLAS", "MKL", "OMP"):  # before NumPy is imported, here and in the contenders
        os.environ[f"{name}_NUM_THREADS"] = str(chosen.threads)
    from cases import CASES, Texts
    from products import peak_gflops
    from table import print_tables

    cases = {case.name: case for case in CASES}
    names = [*cases, "import", "kernels"]
    wanted = [name for name in names if name in (chosen.cases or names)]
    if unknown := set(chosen.cases or ()) - set(names):
        raise SystemExit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if chosen.against == "none":
        wanted = [name for name in wanted if name in cases]

    now = provenance(chosen.threads)
    results = read_results(chosen.out, now)
    if chosen.minutes is not None:
        wanted = order_by_need(wanted, results["measured"], now["commit"])
    left = list(wanted)
    with tempfile.TemporaryDirectory() as workshop:
        texts = Texts(Path(workshop), chosen.quick)
        peak = peak_gflops(256 if chosen.quick else 2048)
        results |= {**now, "text": texts.name, "peak_gflops": peak}
        began = time.monotonic()
        for name in wanted:
            if chosen.minutes is not None and name != wanted[0] and time.monotonic() - began > 60 * chosen.minutes:
                break
            print(f"{name} ...", file=sys.stderr, flush=True)
            if name in cases:
                found = measure(cases[name], texts, chosen.against, chosen.repeats)
                results["cases"][name] = summary(cases[name], found, peak)
            else:
                results[name] = imports(chosen.repeats) if name == "import" else measure_kernels(chosen.quick)
            results["measured"][name] = {"date": now["date"], "commit": now["commit"]}
            results["cases"] = {each: results["cases"][each] for each in cases if each in results["cases"]}
            left.remove(name)
            if chosen.out:
                write_results(chosen.out, results)
    if left:
        print(f"left for the next call: {', '.join(left)}", file=sys.stderr)
    print_tables(results)


if __name__ == "__main__":
    main()
