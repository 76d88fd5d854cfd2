"""Settings of fine-tuning, compared on a part of a task's examples: what to take for the small English model.

    python tests/benchmarks/finetuning.py --model MODEL --work WORK [--case sst2] [--examples 8000] [--only 0 3]
    python tests/benchmarks/finetuning.py --model MODEL --work WORK --case sst2-all
    python tests/benchmarks/finetuning.py --table

Each variant changes one setting of the case's first; one seed each. On SST-2 the model is also scored on 1,500 of the phrases
that the training examples lack: parts of the same sentences, so easier, but more of them. The case sst2-all has all phrases and
fewer variants, since each takes a quarter of an hour. The scores are kept in
results/finetuning.json as soon as a variant is measured, and a variant that is there is not measured again. An accuracy on
872 sentences has a standard error of more than a point, so only large differences decide.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import tasks

import albert_np as ab
from albert_np.engine.environment import describe_environment
from albert_np.io.files import write_json
from albert_np.training import Progress

HERE = Path(__file__).parent
FIRST = dict(epochs=3, learning_rate=3e-4, dropout=0.1, batch_size=32)
TOKENS = dict(batch_size=None, tokens_per_batch=2048)
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "sst2": [
        {}, TOKENS, dict(learning_rate=5e-4), dict(learning_rate=8e-4), dict(learning_rate=5e-4, dropout=0.0),
        dict(scratch=True, learning_rate=1e-3), dict(learning_rate=5e-4, batch_size=16),
        dict(learning_rate=5e-4, layer_decay=0.8),
        dict(learning_rate=5e-4, epochs=5), dict(learning_rate=5e-4, weight_decay=0.1), dict(scratch=True, learning_rate=5e-4),
        dict(scratch=True), dict(scratch=True, learning_rate=1.5e-4),
        dict(learning_rate=1.5e-4), dict(learning_rate=5e-4, freeze=["embeddings"]), dict(learning_rate=5e-4, batch_size=64),
        dict(learning_rate=1.2e-3), dict(learning_rate=8e-4, dropout=0.0), dict(learning_rate=8e-4, epochs=5),
    ],
    "sst2-all": [{}, dict(learning_rate=4e-4), dict(learning_rate=6e-4, epochs=4), dict(learning_rate=2e-4, dropout=0.2)],
    "semeval": [
        dict(epochs=4, **TOKENS), dict(epochs=4, learning_rate=5e-4), dict(epochs=4, learning_rate=5e-4, batch_size=16),
        dict(epochs=4, learning_rate=8e-4),
    ],
}  # fmt: skip
MORE = {"sst2": "sst2/train_rest.tsv"}  # other examples to score, 1500 of them


def take(path: Path, count: int, out: Path) -> str:
    """Write about `count` of the rows of a table, evenly spread, to `out`; return its path."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    out.write_text("\n".join([header, *rows[:: max(1, len(rows) // count)][:count]]) + "\n", encoding="utf-8")
    return str(out)


def get_case(name: str) -> tasks.Case:
    """Return the task's case; "-all" stands for all of its examples."""
    return tasks.CASES[name.removesuffix("-all")]


def take_files(case: str, count: int, data: Path, work: Path) -> dict[str, str]:
    """Return the files of a case with this number of training examples, or with all."""
    of_task = get_case(case)
    tasks.prepare(data, work, [case.removesuffix("-all")])
    files = {"train": tasks.place(of_task.train, data, work), "dev": tasks.place(of_task.dev, data, work)}
    if case == "semeval":
        blocks = Path(files["train"]).read_text(encoding="utf-8").split("\n\n")[:count]
        files["train"] = str(work / "part.txt")
        Path(files["train"]).write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")
    elif case == "sst2":  # the second file of phrases is scored
        files["train"] = take(data / "sst2/train.tsv", count, work / "part.tsv")
        files["more"] = take(data / MORE[case], 1500, work / "more.tsv")
    return files


def measure(case: str, changes: dict[str, Any], files: dict[str, str], model: str) -> dict[str, Any]:
    """Fine-tune with the first settings and these changes; return the scores."""
    settings = {key: value for key, value in {**FIRST, **changes}.items() if key not in ("dropout", "scratch")}
    dropout = {**FIRST, **changes}["dropout"]
    began = time.process_time()
    done = ab.finetune(
        get_case(case).task, files["train"], files["dev"], model=model, from_scratch=changes.get("scratch", False),
        options=dict(get_case(case).options), report=Progress(), seed=0, **settings,
        changes=dict(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout),
    )  # fmt: skip
    if done.stopped_by:
        raise SystemExit(f"stopped by {done.stopped_by}")
    metric, steps = done.trained.task.metric, done.history.steps
    more = {"more": done.trained.evaluate(files["more"])[metric]} if "more" in files else {}
    return {
        "changes": changes, "dev": [record["dev"][metric] for record in done.history.epochs], **more,
        "train_loss": statistics.fmean(step["loss"] for step in steps[-20:]), "steps": len(steps),
        "tokens": sum(step["tokens"] for step in steps), "cpu_minutes": round((time.process_time() - began) / 60, 2),
        "blas": describe_environment()["blas"],
    }  # fmt: skip


def describe(changes: dict[str, Any]) -> str:
    """Return a variant in words."""
    rest = {key: value for key, value in changes.items() if value is not None and key != "scratch"}
    words = ["from scratch"] * ("scratch" in changes) + [f"{key} {value}" for key, value in rest.items()]
    return ", ".join(words).replace("_", " ") or "the first settings"


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    first = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in results["first"].items())
    parts = [f"First settings: {first}. {results['note']}"]
    for name, found in results["cases"].items():
        lines = ["| change | dev, epoch by epoch | best | other phrases | CPU minutes |", "|---|---|---:|---:|---:|"]
        for run in found["runs"]:
            curve, more = ", ".join(f"{score:.3f}" for score in run["dev"]), f"{run['more']:.3f}" if "more" in run else "–"
            minutes = f"{run['cpu_minutes']:.1f}" if "cpu_minutes" in run else "–"  # a run of tasks.py
            cells = [describe(run["changes"]), curve, f"{max(run['dev']):.3f}", more, minutes]
            lines.append(f"| {' | '.join(cells)} |")
        examples = "all examples" if found["examples"] is None else f"{found['examples']:,} examples"
        note = f". {found['note']}" if "note" in found else ":"
        parts += [f"{name.removesuffix('-all')}, {examples}{note}", "\n".join(lines)]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="the folder of a pretrained model")
    parser.add_argument("--work", type=Path, help="a folder for what is made on the way")
    parser.add_argument("--case", default="sst2", choices=list(VARIANTS))
    parser.add_argument("--examples", type=int, default=8000, help="training examples [8000]")
    parser.add_argument("--only", nargs="*", type=int, help="numbers of variants, from 0")
    parser.add_argument("--note", default="", help="a sentence on the model, kept with the results")
    parser.add_argument("--table", action="store_true", help="print the table of the results that there are")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "finetuning.json")
    given = parser.parse_args()
    new = {"first": FIRST, "note": given.note, "cases": {}}
    results = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else new
    examples = None if given.case.endswith("-all") else given.examples
    if not given.table:
        if not (given.model and given.work and "ALBERT_NP_DATA" in os.environ):
            parser.error("--model and --work are needed, and ALBERT_NP_DATA for the task's files")
        given.work.mkdir(parents=True, exist_ok=True)
        files = take_files(given.case, given.examples, Path(os.environ["ALBERT_NP_DATA"]) / "tasks", given.work)
        note = {"note": given.note} if results["note"] != given.note else {}
        found = results["cases"].setdefault(given.case, {"examples": examples, **note, "runs": []})
        if found["examples"] != examples:
            raise SystemExit(f"{given.out} has {found['examples']} examples of {given.case}; name another file with --out")
        for number, changes in enumerate(VARIANTS[given.case]):
            wanted = given.only is None or number in given.only
            if wanted and not any(run["changes"] == changes for run in found["runs"]):
                found["runs"].append(measure(given.case, changes, files, given.model))
                write_json(given.out, results)
    print(table(results))


if __name__ == "__main__":
    main()
