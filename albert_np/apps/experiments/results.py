"""Results of a sweep: the figures of each run, and their means and deviations over the seeds."""

import statistics
from pathlib import Path
from typing import Any

from albert_np.apps.experiments import measure
from albert_np.apps.experiments.comparisons import compare
from albert_np.apps.experiments.file import Sweep
from albert_np.apps.experiments.folder import Run, hash_file
from albert_np.io.files import read_json, write_json
from albert_np.models.config import AlbertConfig
from albert_np.training.metrics import format_score, read_metrics
from albert_np.version import __version__

NOT_RESULTS = ("seed", "steps", "tokens", "seconds")  # figures that describe a run
NOT_COMPARABLE = ("vocab_size", "tokenizer", "files", "lines", "document_separator", "held_out", "max_length")


def record_result(sweep: Sweep, run: Run) -> dict[str, Any]:
    """Return the figures of a run that has ended, and store them in its .json."""
    read_figures = _read_pretraining_figures if sweep.command.name == "pretrain" else _read_finetuning_figures
    figures = read_figures(sweep, run)
    write_json(run.result, {"seed": run.seed, **figures, "measured": measure.choose_sets(sweep)})
    return figures


def _read_pretraining_figures(sweep: Sweep, run: Run) -> dict[str, Any]:
    from albert_np.training.memory import empty_tree

    steps, evaluations = read_metrics(run.out / "metrics.jsonl")
    run_record = read_json(run.out / "run.json", file_names=True)
    tokens = [record["tokens"] for record in steps]
    figures: dict[str, Any] = {
        "parameters": empty_tree(AlbertConfig.from_pretrained(run.out)).count(), "steps": len(steps), "tokens": sum(tokens),
        "seconds": steps[-1]["seconds"], "tokens_per_second": sum(tokens) / max(1e-9, steps[-1]["seconds"]),
        "heaviest_step": max(tokens) * len(tokens) / sum(tokens), "unigram_entropy": run_record["unigram_entropy"],
    }  # fmt: skip
    if measure.choose_sets(sweep):
        return figures | read_json(measure.measures_path(run.out))
    held_out = evaluations[-1]["held_out"] if evaluations else {}
    figures |= {key: held_out[key] for key in ("mlm_loss", "mlm_accuracy") if key in held_out}
    if "sop_accuracy" in held_out:
        figures[f"{run_record['settings']['objective']}_accuracy"] = held_out["sop_accuracy"]
    return figures


def _read_finetuning_figures(sweep: Sweep, run: Run) -> dict[str, Any]:
    from albert_np.training.memory import empty_tree

    trained, task = read_json(run.out / "task.json", file_names=True), _get_trained_task(run)
    steps = [record for record in read_metrics(run.out / "metrics.jsonl")[0] if "tokens" in record]  # not of epochs
    tokens = sum(record["tokens"] for record in steps)
    return {
        "parameters": empty_tree(AlbertConfig.from_pretrained(run.out), task.model.heads).count(), "steps": len(steps),
        "tokens": tokens, "seconds": steps[-1]["seconds"], "tokens_per_second": tokens / max(1e-9, steps[-1]["seconds"]),
        "epoch": trained["epoch"], task.metric: trained["scores"][task.metric],
    }  # fmt: skip


def _get_trained_task(run: Run) -> Any:
    """Return the task of a finished fine-tuning; its metric depends on the labels."""
    from albert_np.tasks import get_task

    return get_task(run.configuration.settings["task"], **read_json(run.out / "task.json")["options"])


def collect_results(sweep: Sweep, runs: list[Run], failed: dict[str, str]) -> dict[str, Any]:
    """Return the contents of results.json: runs, means and deviations of each configuration; failed and missing runs."""
    configurations, sets = [], measure.choose_sets(sweep)
    for each in sweep.configurations:
        finished = [_read_result(run) for run in runs if run.configuration == each and run.is_finished(sets)]
        configurations.append({"name": each.name, "changes": each.changes, "runs": finished, **average_over_seeds(finished)})
    metrics = choose_metrics(configurations)
    return {
        "title": sweep.title, "about": sweep.about, "command": sweep.command.name, "settings": _shared_settings(sweep),
        "text": describe_text(sweep), "seeds": sweep.seeds, "metrics": metrics, "configurations": configurations,
        "comparisons": compare(configurations, metrics, sweep.paper), "failed": failed,
        "notes": comparability_notes(sweep, [run for run in runs if run.is_finished(sets)]),
        "missing": sum(not run.is_finished(sets) for run in runs), "version": __version__,
    }  # fmt: skip


def _read_result(run: Run) -> dict[str, Any]:
    return {key: value for key, value in read_json(run.result).items() if key != "measured"}


def _shared_settings(sweep: Sweep) -> dict[str, Any]:
    """Return the settings that all runs share, with the names of files instead of their paths."""
    settings = dict(sweep.base)
    for key in sweep.command.files:
        if key in settings:
            value = settings[key]
            settings[key] = [Path(each).name for each in value] if isinstance(value, list) else Path(value).name
    return settings


def describe_text(sweep: Sweep) -> list[dict[str, Any]]:
    """Return {"file": name, "bytes", "sha256"} of each text file that was pretrained on; [] for finetune."""
    files = dict.fromkeys(file for each in sweep.configurations for file in each.settings.get("files", ()))
    return [{"file": Path(file).name, "bytes": Path(file).stat().st_size, "sha256": hash_file(file)} for file in files]


def average_over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation of each figure."""
    keys = [key for key in (runs[0] if runs else {}) if key not in NOT_RESULTS and runs[0][key] is not None]
    columns = {key: [run[key] for run in runs if key in run] for key in keys}
    return {
        "mean": {key: statistics.fmean(column) for key, column in columns.items()},
        "deviation": {key: statistics.stdev(column) if len(column) > 1 else None for key, column in columns.items()},
    }


def choose_metrics(configurations: list[dict[str, Any]]) -> list[str]:
    """Return the names of the figures to compare configurations by, the most important first."""
    keys = dict.fromkeys(key for each in configurations for key in each["mean"])
    pretraining = [key for key in keys if key.startswith(("mlm_loss", "mlm_accuracy")) or key in ("sop_accuracy", "nsp_accuracy")]
    if pretraining:
        return sorted(pretraining, key=lambda key: (key.startswith(("sop", "nsp")), key.startswith("mlm_acc")))
    return [key for key in keys if key not in ("parameters", "tokens_per_second", "epoch")]


def comparability_notes(sweep: Sweep, finished: list[Run]) -> list[str]:
    """Return sentences on what can and cannot be compared in the table."""
    if sweep.command.name == "finetune":
        tasks = [_get_trained_task(run) for run in finished if (run.out / "task.json").is_file()]
        errors = dict.fromkeys(task.metric for task in tasks if not task.higher_is_better)
        notes = ["The score is that of each run's best epoch on the development examples."]
        return notes + [f"A lower {metric_label(metric)} is better." for metric in errors]
    notes = []
    if sets := measure.choose_sets(sweep):
        objective = next(iter(sets.values()))["objective"]
        order = "in their order (no sentence objective)" if objective == "none" else f"of the objective {objective}"
        notes.append(f"All were measured on the same held-out pairs, {order}, and the same masks.")
    varied = {key for each in sweep.configurations for key in each.changes}
    if different := [key for key in NOT_COMPARABLE if key in varied]:
        notes.append(f"The runs differ in {', '.join(different)}, so they were evaluated on different text or vocabularies: "
                     "their losses are not comparable.")  # fmt: skip
    if len({(each.steps, each.epochs, each.tokens_per_batch) for each in _all_settings(sweep)}) > 1:
        notes.append("The runs were not all trained on the same number of tokens.")
    return notes


def _all_settings(sweep: Sweep) -> list[Any]:
    from albert_np.apps.experiments.commands import build_pretraining

    return [build_pretraining(each.settings)[1] for each in sweep.configurations]


# ---- names ----

LABELS = {
    "mlm_loss": "MLM loss", "mlm_accuracy": "MLM accuracy", "sop_accuracy": "SOP accuracy", "nsp_accuracy": "NSP accuracy",
    "root_mean_squared_error": "root mean squared error",
}  # fmt: skip


def metric_label(metric: str) -> str:
    """ "mlm_loss max_ngram=1" -> "MLM loss, max_ngram=1" """
    kind, _, rest = metric.partition(" ")
    return LABELS.get(kind, kind) + (f", {rest}" if rest else "")


def format_figures(figures: dict[str, Any]) -> str:
    """Return the main figures of a run in one line."""
    keys = [key for key in choose_metrics([{"mean": figures}]) if key not in NOT_RESULTS]
    return ", ".join(f"{metric_label(key)} {format_score(figures[key])}" for key in keys[:2])
