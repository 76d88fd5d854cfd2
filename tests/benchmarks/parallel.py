"""Two processes of one thread against one of two threads, on a tiny model and Python's documentation; results/parallel.json.

    python tests/benchmarks/parallel.py [--rounds 9] [--steps 20] [--quick]
    python tests/benchmarks/parallel.py --table        # prints the results again
    python tests/benchmarks/parallel.py --paper        # what a step costs with many workers, from bytes and a stated network

Every run is a `pretrain` of its own: the contenders take turns, A B C A B C, and a ratio is that of two runs of one round. The
first steps of a run are left out. `divided` is two processes with --shard-optimizer. Needs the extra [mpi].
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WARM = 5  # steps that are not counted; so often the losses are read
CONTENDERS = {"threads": (1, 2, False), "processes": (2, 1, False), "divided": (2, 1, True)}  # processes, threads, sharded


def work(folder: Path, steps: int, sharded: bool) -> None:
    """In each process: train, and in the first print seconds a step and the shares of sending and waiting."""
    from tiny import SETTINGS, config_of

    import albert_np as ab
    from albert_np.data.corpus import Corpus
    from albert_np.engine import mpi as parallel
    from albert_np.engine import threads
    from albert_np.training import Report, Settings, get_run_data

    tokenizer = ab.AlbertTokenizer.from_pretrained(folder)
    config = config_of(tokenizer)
    length = dict(steps=steps + WARM, log_every=WARM, eval_every=10**6, checkpoint_every=10**6)
    settings = Settings(**{**SETTINGS, **length, "shard_optimizer": sharded})
    data = get_run_data(Corpus.open(folder / "corpus", tokenizer), config, settings)
    data.held_out, every = None, parallel.world()
    seen: list[tuple[float, float, float]] = []

    class Clock(Report):
        def step(self, record: dict[str, Any]) -> None:
            seen.append((record["seconds"], getattr(every, "exchanged", 0.0), getattr(every, "waited", 0.0)))

    with tempfile.TemporaryDirectory() as out:
        ab.pretrain(ab.AlbertForPreTraining(config), data, out, settings, report=Clock())
    if every.is_main:
        seconds, sent, waited = (b - a for a, b in zip(seen[WARM - 1], seen[-1]))
        found = {"seconds": seconds / steps, "sent": sent / seconds, "waited": waited / seconds, "threads": threads.count()}
        print(json.dumps(found))


def run(folder: Path, name: str, steps: int) -> dict[str, float]:
    processes, threads, sharded = CONTENDERS[name]
    beside = Path(sys.executable).parent / "mpiexec"
    launch = [str(beside) if beside.exists() else str(shutil.which("mpiexec")), "-n", str(processes)] if processes > 1 else []
    command = [*launch, sys.executable, __file__, "--worker", str(folder), "--steps", str(steps), *["--sharded"] * sharded]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": str(threads)})
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    found = json.loads(done.stdout)
    assert found["threads"] == threads, f"{name} ran with {found['threads']} threads"
    return found


def measure(rounds: int, steps: int) -> dict[str, Any]:
    import numpy as np
    from tiny import CONFIG, SETTINGS, prepared

    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        prepared(Path(folder))
        for number in range(rounds):
            for name in CONTENDERS:
                runs[name].append(run(Path(folder), name, steps))
            print(number + 1, {name: round(1000 * own[-1]["seconds"], 1) for name, own in runs.items()}, file=sys.stderr)
    return {
        "processors": os.cpu_count(), "coretype": os.environ.get("OPENBLAS_CORETYPE", ""), "numpy": np.__version__,
        "hidden_size": CONFIG["hidden_size"], "tokens_per_batch": SETTINGS["tokens_per_batch"], "steps": steps, "runs": runs,
    }  # fmt: skip


def table(results: dict[str, Any]) -> str:
    """The results as Markdown. A ratio above 1: quicker than one process with two threads."""
    lines = [
        f"{results['processors']} processors, NumPy {results['numpy']}"
        + (f" with OPENBLAS_CORETYPE={results['coretype']}" if results["coretype"] else "")
        + f"; a tiny model (4 layers of {results['hidden_size']}), {results['tokens_per_batch']} tokens a step; medians of "
        f"{len(results['runs']['threads'])} runs of {results['steps']} steps.",
        "",
        "| | ms a step | ratio | least to greatest | sending | waiting |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    titles = {
        "threads": "one process, two threads", "processes": "two processes, one thread each",
        "divided": "the same with `--shard-optimizer`",
    }  # fmt: skip
    base = results["runs"]["threads"]
    for name, own in results["runs"].items():
        ratios = [theirs["seconds"] / mine["seconds"] for theirs, mine in zip(base, own)]
        middle = {key: statistics.median(each[key] for each in own) for key in ("seconds", "sent", "waited")}
        cells = [titles[name], f"{1000 * middle['seconds']:.1f}", f"**{statistics.median(ratios):.2f}**"]
        cells += [f"{min(ratios):.2f}–{max(ratios):.2f}"] if name != "threads" else [""]
        cells += [f"{middle[key]:.1%}" for key in ("sent", "waited")] if name != "threads" else ["", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=20, help=f"a multiple of {WARM}")
    parser.add_argument("--quick", action="store_true", help="one round of a few steps; nothing is written")
    parser.add_argument("--table", action="store_true", help="print the table of the results that there are")
    parser.add_argument("--paper", action="store_true", help="print what a step costs on paper")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "parallel.json")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sharded", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.steps % WARM or given.steps < WARM or given.rounds < 1:
        parser.error(f"--steps must be a multiple of {WARM}, and --rounds at least 1")
    if given.worker:
        work(given.worker, given.steps, given.sharded)
    elif given.paper:
        import network

        print(network.table())
    elif given.quick:
        print(table(measure(1, WARM)))
    else:
        if not given.table:
            given.out.write_text(json.dumps(measure(given.rounds, given.steps), indent=1) + "\n", encoding="utf-8")
        print(table(json.loads(given.out.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
