"""What the runs of a sweep found: each run's figures, their means and deviations over the seeds, and the table.

Runs with the same seed share held-out text, order and masks, so a difference between two configurations is taken seed by seed:
it varies far less than the figures themselves, most of whose deviation is that other documents are held out.
"""

import statistics
from pathlib import Path
from typing import Any

from albert_np.apps.experiments import measure
from albert_np.apps.experiments.file import Sweep
from albert_np.apps.experiments.folder import Run
from albert_np.io.files import read_json, write_json
from albert_np.models.config import AlbertConfig
from albert_np.training.metrics import read_metrics
from albert_np.version import __version__

ABOUT_A_RUN = ("seed", "steps", "tokens", "seconds")  # of its figures those that are no result
NOT_COMPARABLE = ("vocab_size", "tokenizer", "files", "lines", "document_separator", "held_out", "max_length")


def finished(sweep: Sweep, run: Run) -> dict[str, Any]:
    """The figures of a run that has come to its end, kept in its .json."""
    found = (_pretrained if sweep.command.name == "pretrain" else _finetuned)(sweep, run)
    write_json(run.result, {"seed": run.seed, **found, "measured": measure.sets(sweep)})
    return found


def _pretrained(sweep: Sweep, run: Run) -> dict[str, Any]:
    from albert_np.training.memory import empty_tree

    steps, evaluations = read_metrics(run.out / "metrics.jsonl")
    about = read_json(run.out / "run.json")
    tokens = [record["tokens"] for record in steps]
    found: dict[str, Any] = {
        "parameters": empty_tree(AlbertConfig.from_pretrained(run.out)).count(), "steps": len(steps), "tokens": sum(tokens),
        "seconds": steps[-1]["seconds"], "tokens_per_second": sum(tokens) / max(1e-9, steps[-1]["seconds"]),
        "heaviest_step": max(tokens) * len(tokens) / sum(tokens), "unigram_entropy": about["unigram_entropy"],
    }  # fmt: skip
    if measure.sets(sweep):
        return found | read_json(measure.file_of(run.out))
    own = evaluations[-1]["held_out"] if evaluations else {}
    found |= {key: own[key] for key in ("mlm_loss", "mlm_accuracy") if key in own}
    if "sop_accuracy" in own:
        found[f"{about['settings']['objective']}_accuracy"] = own["sop_accuracy"]
    return found


def _finetuned(sweep: Sweep, run: Run) -> dict[str, Any]:
    from albert_np.tasks import get_task
    from albert_np.training.memory import empty_tree

    about = read_json(run.out / "task.json")
    steps = [record for record in read_metrics(run.out / "metrics.jsonl")[0] if "tokens" in record]  # not those of epochs
    task, tokens = get_task(run.configuration.settings["task"]), sum(record["tokens"] for record in steps)
    return {
        "parameters": empty_tree(AlbertConfig.from_pretrained(run.out), task.model.parts).count(), "steps": len(steps),
        "tokens": tokens, "seconds": steps[-1]["seconds"], "tokens_per_second": tokens / max(1e-9, steps[-1]["seconds"]),
        "epoch": about["epoch"], task.metric: about["scores"][task.metric],
    }  # fmt: skip


def collected(sweep: Sweep, runs: list[Run], failed: dict[str, str]) -> dict[str, Any]:
    """What results.json holds: for each configuration its runs, means and deviations; what failed, what is missing."""
    configurations, asked = [], measure.sets(sweep)
    for each in sweep.configurations:
        found = [_kept(run) for run in runs if run.configuration == each and run.finished(asked)]
        configurations.append({"name": each.name, "changes": each.changes, "runs": found, **_over_seeds(found)})
    return {
        "title": sweep.title, "about": sweep.about, "command": sweep.command.name, "settings": _told(sweep), "seeds": sweep.seeds,
        "metrics": metrics(configurations), "configurations": configurations, "failed": failed, "notes": notes(sweep),
        "missing": sum(not run.finished(asked) for run in runs), "version": __version__,
    }  # fmt: skip


def _kept(run: Run) -> dict[str, Any]:
    return {key: value for key, value in read_json(run.result).items() if key != "measured"}


def _told(sweep: Sweep) -> dict[str, Any]:
    """The settings that all have in common, of files only their names."""
    told = dict(sweep.base)
    for key in sweep.command.files:
        if key in told:
            value = told[key]
            told[key] = [Path(each).name for each in value] if isinstance(value, list) else Path(value).name
    return told


def _over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    keys = [key for key in (runs[0] if runs else {}) if key not in ABOUT_A_RUN and runs[0][key] is not None]
    columns = {key: [run[key] for run in runs if key in run] for key in keys}
    return {
        "mean": {key: statistics.fmean(column) for key, column in columns.items()},
        "deviation": {key: statistics.stdev(column) if len(column) > 1 else None for key, column in columns.items()},
    }


def metrics(configurations: list[dict[str, Any]]) -> list[str]:
    """The figures that a configuration is judged by, the first of them the one that decides."""
    keys = dict.fromkeys(key for each in configurations for key in each["mean"])
    shown = [key for key in keys if key.startswith(("mlm_loss", "mlm_accuracy")) or key in ("sop_accuracy", "nsp_accuracy")]
    if shown:
        return sorted(shown, key=lambda key: (key.startswith(("sop", "nsp")), key.startswith("mlm_acc")))
    return [key for key in keys if key not in ("parameters", "tokens_per_second", "epoch")]


def notes(sweep: Sweep) -> list[str]:
    """What one must know to read the table."""
    if sweep.command.name == "finetune":
        return ["The score is that of each run's best epoch on the development examples."]
    found = []
    if asked := measure.sets(sweep):
        objective = next(iter(asked.values()))["objective"]
        order = "in their order (no sentence objective)" if objective == "none" else f"of the objective {objective}"
        found.append(f"All were measured on the same held-out pairs, {order}, and the same masks.")
    varied = {key for each in sweep.configurations for key in each.changes}
    if different := [key for key in NOT_COMPARABLE if key in varied]:
        found.append(f"The runs differ in {', '.join(different)}, so they were evaluated on different text or pieces: "
                     "their losses are not comparable as they stand.")  # fmt: skip
    if len({(each.steps, each.epochs, each.tokens_per_batch) for each in _settings(sweep)}) > 1:
        found.append("The runs do not all see the same number of tokens.")
    return found


def _settings(sweep: Sweep) -> list[Any]:
    from albert_np.apps.experiments.commands import pretraining

    return [pretraining(each.settings)[1] for each in sweep.configurations]


# ---- for people ----

NAMES = {
    "mlm_loss": "MLM loss", "mlm_accuracy": "MLM accuracy", "sop_accuracy": "SOP accuracy", "nsp_accuracy": "NSP accuracy",
}  # fmt: skip


def name_of(metric: str) -> str:
    """ "mlm_loss max_ngram=1" -> "MLM loss, max_ngram=1" """
    kind, _, rest = metric.partition(" ")
    return NAMES.get(kind, kind) + (f", {rest}" if rest else "")


def sentence(command: str, found: dict[str, Any]) -> str:
    """One run's figures in a line."""
    return ", ".join(f"{name_of(key)} {found[key]:.4f}" for key in metrics([{"mean": found}])[:2] if key not in ABOUT_A_RUN)


def differences(results: dict[str, Any], metric: str, each: dict[str, Any]) -> list[float]:
    """By how much this configuration is above the first one, seed by seed."""
    first = {run["seed"]: run.get(metric) for run in results["configurations"][0]["runs"]}
    pairs = [(run.get(metric), first.get(run["seed"])) for run in each["runs"]]
    return [a - b for a, b in pairs if a is not None and b is not None]


def markdown(results: dict[str, Any], heading: bool = True, speed: bool = True) -> str:
    """The table: a configuration a row, the mean over the seeds ± the standard deviation.

    heading: with title and notes · speed: with tokens a second, which say something only of a machine that had nothing else to do
    """
    shown, rows = results["metrics"], results["configurations"]
    uneven = any("batches" in each["changes"] for each in rows)
    head = ["", "parameters", *map(name_of, shown), f"{name_of(shown[0])}, against the first" if shown else "",
            *(["heaviest / mean step"] if uneven else []), *(["tokens/s"] if speed else []), "seeds"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for each in rows:
        if not each["runs"]:
            lines.append(f"| {each['name']} |" + " – |" * (len(head) - 2) + " 0 |")
            continue
        cells = [each["name"], f"{each['mean']['parameters']:,.0f}", *(_cell(each, key) for key in shown)]
        cells.append("" if each is rows[0] or not shown else _mean(differences(results, shown[0], each), "+"))
        cells += [f"{each['mean']['heaviest_step']:.3f}"] if uneven else []
        cells += [f"{each['mean']['tokens_per_second']:,.0f}"] if speed else []
        cells.append(str(len(each["runs"])))
        lines.append("| " + " | ".join(cells) + " |")
    text = "\n".join(lines) + "\n"
    if not heading:
        return text
    said = [f"# {results['title']}", *([results["about"]] if results["about"] else []), text.strip(), *results["notes"]]
    if entropy := [run["unigram_entropy"] for each in rows for run in each["runs"] if run.get("unigram_entropy")]:
        said.append(
            f"Losses in nats a masked piece; knowing only how often each piece occurs costs {statistics.fmean(entropy):.3f}."
        )
    said += ["Mean ± standard deviation over the seeds. *Against the first*: the differences between runs of the same seed."]
    if results["missing"]:
        said.append(f"{results['missing']} runs are missing.")
    said += [f"FAILED: {name}: {why}" for name, why in results["failed"].items()]
    return "\n\n".join(said) + "\n"


def _cell(each: dict[str, Any], key: str) -> str:
    return _mean([run[key] for run in each["runs"] if run.get(key) is not None], "")


def _mean(values: list[float], sign: str) -> str:
    if not values:
        return "–"
    return f"{statistics.fmean(values):{sign}.4f}" + (f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else "")
