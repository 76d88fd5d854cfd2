"""The model card: its data, collected from a run and from measurements, and its text, from the template card.md."""

import csv
import json
from collections import Counter
from pathlib import Path
from string import Template
from typing import Any

from albert_np.apps.experiments.tables import markdown_table
from albert_np.data.formats.summary import count_noun
from albert_np.io.files import DataError, read_json
from albert_np.training.metrics import read_lines

HERE = Path(__file__).parent
STAGE = ("optimizer", "learning_rate", "tokens_per_batch", "max_length", "masked_lm_prob", "max_ngram", "objective", "decay")
REGISTERS = {  # names in recipe.toml, as the card writes them
    "fiction": "fiction, 1908-1965", "sentences": "everyday sentences", "dialogue": "conversations", "orders": "orders of coffee",
    "problems": "word problems", "cooking": "recipes", "news": "news and articles", "essays": "essays and handbooks",
    "government": "government writing", "minutes": "minutes of a bank", "technical": "technical prose",
}  # fmt: skip


def read_scores(path: Path | None) -> dict[str, Any]:
    """Return {task: scores} of a file as package.py describes it; {} without one. DataError for another form."""
    values = {"tasks": {}} if path is None else read_json(path)
    tasks = values.get("tasks") if isinstance(values, dict) else None
    if not isinstance(tasks, dict):
        raise DataError(f'{path}: expected an object with "tasks": {{NAME: {{"metric": ..., "mean": ...}}}}')
    for name, row in tasks.items():
        if not isinstance(row, dict) or not isinstance(row.get("metric"), str) or type(row.get("mean")) not in (int, float):
            raise DataError(f'{path}: {name} must have "metric", a text, and "mean", a number, not {json.dumps(row)[:80]}')
    return tasks


# ---- the data ----


def describe_stage(folder: Path, state: dict[str, Any], layers: int) -> dict[str, Any]:
    """Return what the card says about a stage. state: that of its last checkpoint, or its run.json with steps and tokens."""
    facts = {"name": folder.name, "layers": layers, "steps": state["step"], "tokens": state["tokens"]}
    facts["hours"] = round(state["metrics"]["seconds"] / 3600, 2)
    return facts | {name: state["settings"][name] for name in STAGE}


def find_stage(run: Path, source: str) -> tuple[Path | None, int | None]:
    """Return the folder of the run that another one started from, None if it is not there, and the step, if one is named.

    source: the run's folder or that of a checkpoint, as run.json has it; it may stand beside `run` now.
    """
    path, step = Path(source), None
    if path.parent.name == "checkpoints":
        path, step = path.parent.parent, int(path.name.removeprefix("step-"))
    return next((each for each in (run.parent / path.name, path) if (each / "run.json").is_file()), None), step


def read_stage(folder: Path, last: int | None = None) -> dict[str, Any]:
    """Return what the card says about a stage up to the step `last`, or its end, from its run.json and metrics.jsonl."""
    steps = [line for line in read_lines(folder / "metrics.jsonl") if "tokens" in line and (not last or line["step"] <= last)]
    totals = {"step": steps[-1]["step"], "tokens": sum(line["tokens"] for line in steps), "metrics": steps[-1]}
    layers = read_json(folder / "config.json")["num_hidden_layers"]
    return describe_stage(folder, read_json(folder / "run.json") | totals, layers)


def list_stages(checkpoint: Path, state: dict[str, Any], layers: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the stages of a model, first to last, and the environment of the last one.

    A stage started from the model of another folder, which its run.json names: beside it, or as it is written there.
    """
    run = checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else checkpoint
    stages = [describe_stage(run, state, layers)]
    record = read_json(run / "run.json") if (run / "run.json").is_file() else None
    if record is None:
        print(f"{run} has no run.json: the card names no earlier stage and no machine")
        return stages, {}
    environment = record.get("environment", {})
    while source := (record.get("source") or {}).get("model"):
        before, step = find_stage(run, source)
        if before is None:
            print(f"the run {run} started from {source}, which is not there: the card does not describe it")
            break
        stages.insert(0, read_stage(before, step))
        run, record = before, read_json(before / "run.json")
    return stages, environment


def count_licences(attribution: Path) -> dict[str, int]:
    """Return {licence: characters} of the sources, the largest first."""
    counts: Counter[str] = Counter()
    with open(attribution, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            counts[row["licence"].partition(" (")[0]] += int(row["characters"])
    return dict(counts.most_common())


def collect(
    name: str, checkpoint: Path, state: dict[str, Any], model: Any, weights: str, text: Path, measured: dict[str, Any],
    tasks: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Return the data of the card, those of card.json."""
    config = model.config
    stages, environment = list_stages(checkpoint, state, config.num_hidden_layers)
    facts: dict[str, Any] = {
        "name": name, "class": type(model).__name__, "parameters": model.params.count(), "weights": weights,
        "config": {key: value for key, value in config.to_dict().items() if isinstance(value, int | float | str)},
        "text": read_json(text / "text.json"), "licences": count_licences(text / "attribution.tsv"),
        "stages": stages, "environment": environment, "version": state["version"],
        "tokens": sum(stage["tokens"] for stage in stages), "hours": round(sum(stage["hours"] for stage in stages), 2),
        "longest": max(stage["max_length"] for stage in stages),
        "measured": {key: {k: v for k, v in each.items() if k != "blanks"} for key, each in measured.items()},
        "blanks": measured[weights]["blanks"], "tasks": tasks,
    }  # fmt: skip
    return facts | {"summary": summarise(facts)}


def summarise(facts: dict[str, Any]) -> dict[str, str]:
    """Return the card in a few lines, those of `albert-np info`."""
    own, count = facts["measured"][facts["weights"]], len(facts["blanks"])
    scores = [f"{own['held_out']['mean']['loss']:.2f} nats per hidden word of held-out text"]
    scores += [f"{own['right_at_5']} of {count} blanks filled by one of five words, {own['right_at_1']} by the first"]
    scores += [f"{name} {row['metric']} {row['mean']:.3f}" for name, row in facts["tasks"].items()]
    rows = f"English only, lower-cased; rows of up to {facts['longest']} pieces were trained"
    licences, stages = ", ".join(facts["licences"]), count_noun(len(facts["stages"]), "stage")
    return {
        "about": f"English, pretrained from scratch by albert_np {facts['version']}; {facts['parameters']:,} parameters",
        "text": f"{facts['text']['characters'] / 1e6:.1f} million characters ({licences}); sources in attribution.tsv",
        "training": f"{facts['tokens'] / 1e6:.1f} million tokens in {facts['hours']:.1f} hours, {stages}",
        "scores": "; ".join(scores),
        "limits": f"{rows}; no facts to rely on; the biases of its text, of which half is fiction of 1908-1965",
        "licence": "Apache-2.0",
    }


# ---- the text ----


def table(columns: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table; columns whose name ends with ":" are aligned to the right."""
    names = [name.removesuffix(":") for name in columns]
    numbers = {i for i, name in enumerate(columns) if name.endswith(":")}
    return markdown_table(names, [[str(cell) for cell in row] for row in rows], numbers)


def stages_table(facts: dict[str, Any]) -> str:
    columns = [
        "stage",
        "layers:",
        "pieces of a row:",
        "masked:",
        "tokens of a step:",
        "peak rate:",
        "steps:",
        "of them decay:",
        "tokens:",
        "hours:",
    ]
    rows = [
        [s["name"], s["layers"], s["max_length"], f"{s['masked_lm_prob']:.0%}", f"{s['tokens_per_batch']:,}",
         f"{s['learning_rate']:g}", f"{s['steps']:,}", describe_decay(s), f"{s['tokens']:,}", f"{s['hours']:.1f}"]
        for s in facts["stages"]
    ]  # fmt: skip
    return table(columns, rows)


def describe_decay(stage: dict[str, Any]) -> str:
    """Return the steps at the end of a stage in which its rate falls. They are planned: a stage may be ended before them."""
    return "all after the warm-up" if stage["decay"] is None else f"{stage['decay']:,} planned" if stage["decay"] > 1 else "none"


def text_table(facts: dict[str, Any]) -> str:
    registers = sorted(facts["text"]["registers"].items(), key=lambda each: -each[1]["share"])
    rows = [
        [REGISTERS.get(name, name), f"{r['documents']:,}", f"{r['characters']:,}", f"{r['share']:.1%}"] for name, r in registers
    ]
    return table(["register", "documents:", "characters:", "share of the text, with copies:"], rows)


def held_out_table(facts: dict[str, Any]) -> str:
    exact, rounded = (facts["measured"][weights]["held_out"] for weights in ("float32", "int8"))
    rows = [
        [
            REGISTERS.get(name, name),
            f"{exact[name]['loss']:.3f}",
            f"{rounded[name]['loss']:.3f}",
            f"{rounded[name]['accuracy']:.1%}",
        ]
        for name in exact
    ]
    return table(["held-out text", "float32:", "int8:", "words right, int8:"], rows)


def tasks_table(facts: dict[str, Any]) -> str:
    if not facts["tasks"]:
        return "No task was scored with this file; `docs/mini_en.md` has what was measured."
    rows = []
    for name, row in facts["tasks"].items():
        deviation = f" ± {row['deviation']:.3f}" if "deviation" in row else ""
        scratch = f"{row['from_scratch']:.3f}" if "from_scratch" in row else ""
        rows.append([name, row["metric"], f"{row['mean']:.3f}{deviation}", row.get("seeds", ""), scratch])
    return table(["task", "metric", "fine-tuned:", "seeds:", "the same sizes from scratch:"], rows)


def blanks_table(facts: dict[str, Any]) -> str:
    rows = [[each["right_at"] or "-", each["sentence"], ", ".join(each["words"])] for each in facts["blanks"]]
    return table(["", "sentence", "five words"], rows)


def describe_machine(facts: dict[str, Any]) -> str:
    where = facts["environment"]
    if not where:
        return "on a machine that was not recorded"
    return f"with {where['threads']} threads on {where['device']} ({where['processor']}; {where['blas']}; NumPy {where['numpy']})"


def render(facts: dict[str, Any]) -> str:
    """Return the text of the card."""
    config, own = facts["config"], facts["measured"][facts["weights"]]
    exact, rounded = (facts["measured"][weights] for weights in ("float32", "int8"))
    change = rounded["held_out"]["mean"]["loss"] / exact["held_out"]["mean"]["loss"] - 1
    values = {
        "name": facts["name"], "parameters": f"{facts['parameters']:,}", "weights": facts["weights"],
        "megabytes": f"{facts['bytes'] / 1e6:.1f}", "version": facts["version"], "class_name": facts["class"],
        **{key: config[key] for key in ("embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                                        "intermediate_size", "max_position_embeddings", "hidden_act")},
        "vocab_size": f"{config['vocab_size']:,}", "longest": facts["longest"], "tokens": f"{facts['tokens']:,}",
        "hours": f"{facts['hours']:.1f}", "characters": f"{facts['text']['characters']:,}", "machine": describe_machine(facts),
        "text_sha256": facts["text"]["sha256"], "count": len(facts["blanks"]), "change": f"{change:+.2%}",
        "at_1": own["right_at_1"], "at_5": own["right_at_5"], "exact_at_5": exact["right_at_5"],
        "licences": table(["licence", "characters:"], [[name, f"{count:,}"] for name, count in facts["licences"].items()]),
        "stages": stages_table(facts), "registers": text_table(facts), "held_out": held_out_table(facts),
        "tasks": tasks_table(facts), "blanks": blanks_table(facts),
    }  # fmt: skip
    return Template((HERE / "card.md").read_text(encoding="utf-8")).substitute(values)
