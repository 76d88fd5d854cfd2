"""What compression costs and saves: sweeps over trained models, the sizes of ALBERT-base, the speed of half of it.

The results are kept in results/compress.json.

    python tests/benchmarks/compress.py --sweep sst2 runs/sst2 --work work [--start runs/pretrained] [--epochs 2] [--lr 2e-4]
    python tests/benchmarks/compress.py --base
    python tests/benchmarks/compress.py --table

A sweep is that of `albert-np compress --sweep` on a folder that `finetune` trained; its task's files are found through
ALBERT_NP_DATA. --base makes ALBERT-base with random weights, packs it, and times it beside the same with half its heads and
neurons, in turns, on 32 texts of 32 tokens.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tasks import CASES, place, prepare

import albert_np as ab
from albert_np.compress import sweep
from albert_np.compress.job import Plan, compress_model
from albert_np.compress.structured import cut
from albert_np.io.packed_checkpoint import expected_bytes, save_packed
from albert_np.training import Progress

HERE = Path(__file__).parent
PLANS = {
    "float32": dict(), "float16": dict(weights="float16"), "int8": dict(weights="int8"), "int4": dict(weights="int4"),
    "80 % zeros, int8": dict(sparsity=0.8, weights="int8"), "80 % zeros, int4": dict(sparsity=0.8, weights="int4"),
}  # fmt: skip
TURNS = 9


def sweep_of(name: str, folder: str, work: Path, start: str | None, families: tuple[str, ...], settings: dict[str, Any]) -> dict:
    """The rows of a sweep on a case of tasks.py."""
    case, data = CASES[name], Path(os.environ["ALBERT_NP_DATA"]) / "tasks"
    work.mkdir(parents=True, exist_ok=True)
    prepare(data, work)
    train, dev = (place(part, data, work) for part in (case.train, case.dev))
    found = sweep.run(folder, work / f"sweep-{name}", train, dev, start, families, Progress(), **settings)
    kept = {key: found[key] for key in ("metric", "rows", "best_at_a_tenth")}
    return {**kept, "settings": settings, "start": "the pretrained model" if start else "the trained model itself"}


def base() -> dict[str, Any]:
    """The sizes of ALBERT-base, and how fast half of it is."""
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("base"), seed=0)
    sizes = {}
    for name, plan in PLANS.items():
        small = compress_model(model, Plan(**plan))  # type: ignore[arg-type]
        with tempfile.TemporaryDirectory() as folder:
            size = save_packed(folder, small.model.config, small.model.params, "AlbertForPreTraining", small.packing)
        sizes[name] = {"bytes": size, "expected": expected_bytes(small.model.params, small.packing)}
    body = ab.AlbertModel(model.config, seed=0)
    A, F, rng = body.config.num_attention_heads, body.config.intermediate_size, np.random.default_rng(0)
    worth = {"groups.0.blocks.0.attention": rng.random(A)}, {"groups.0.blocks.0.ffn": rng.random(F)}
    half = ab.AlbertModel.of(*cut(body.config, body.params, (A // 2, worth[0]), (F // 2, worth[1])))
    ids = rng.integers(5, 30000, (32, 32))
    times: list[list[float]] = [[], []]
    for turn in range(TURNS + 1):
        for own, each in zip(times, (body, half)):
            began = time.perf_counter()
            each(ids)
            if turn:  # the first is for warming up
                own.append(time.perf_counter() - began)
    ratios = [a / b for a, b in zip(*times)]
    return {
        "sizes": sizes, "processors": os.cpu_count(), "whole_ms": round(1000 * statistics.median(times[0]), 1),
        "half_ms": round(1000 * statistics.median(times[1]), 1), "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(min(ratios), 2), round(max(ratios), 2)],
    }  # fmt: skip


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    parts = []
    for name, found in results.get("sweeps", {}).items():
        parts.append(f"{name}, {CASES[name].task}:\n\n{sweep.format_table(found)}")
    if "base" in results:
        found = results["base"]
        lines = ["| ALBERT-base | MB | by arithmetic |", "|---|---:|---:|"]
        lines += [
            f"| {name} | {size['bytes'] / 1e6:.2f} | {size['expected'] / 1e6:.2f} |" for name, size in found["sizes"].items()
        ]
        low, high = found["ratios"]
        times = f"{found['whole_ms']:.0f} ms whole, {found['half_ms']:.0f} ms with half of its heads and neurons"
        parts.append("\n".join([*lines, "", f"32 texts of 32 tokens: {times}: {found['ratio']} times as fast ({low}–{high})."]))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweep", nargs=2, metavar=("CASE", "FOLDER"), help="a case of tasks.py, and a model trained for it")
    parser.add_argument("--work", type=Path, help="a folder for what is made on the way")
    parser.add_argument("--start", help="what ways with training start from [the model]")
    parser.add_argument("--families", nargs="*", default=list(sweep.FAMILIES))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--base", action="store_true", help="the sizes and the speed of ALBERT-base")
    parser.add_argument("--table", action="store_true", help="print the tables of the results that there are")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "compress.json")
    given = parser.parse_args()
    results = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    if given.sweep:
        if not given.work or "ALBERT_NP_DATA" not in os.environ:
            parser.error("--sweep needs --work, and ALBERT_NP_DATA for the task's files")
        settings = {"epochs": given.epochs, "learning_rate": given.lr}
        name, folder = given.sweep
        found = sweep_of(name, folder, given.work, given.start, tuple(given.families), settings)
        results.setdefault("sweeps", {})[name] = found
    if given.base:
        results["base"] = base()
    if not given.table:
        given.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
