"""Compress one trained model in many ways, and compare scores, sizes and times: `albert-np compress --sweep`.

    one-shot    magnitude pruning at once, without training      gradual    magnitude pruning during training
    movement    movement pruning during training                 rounded    fewer bits, calibrated
    aware       4 bits, quantisation-aware training              cut        heads and neurons removed, then training
    factored    low-rank factors, without training               together   several of these

Results are sweep.json, sweep.md, figures, and a folder with each model.
"""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.compress.importance import importance
from albert_np.compress.job import CompressedModel, Plan, compress_model
from albert_np.compress.models import make_batches, measure_times, share_changed, weights_bytes
from albert_np.compress.zeros import count_zeros, sparsity
from albert_np.core import backend
from albert_np.io.files import write_figures, write_json, write_whole
from albert_np.io.matrices import as_rows, matrices
from albert_np.tasks.finetune import finetune, new_folder
from albert_np.tasks.trained import Trained
from albert_np.training.callbacks import Report
from albert_np.training.metrics import format_score

SHARES = (0.5, 0.8, 0.9, 0.95)
FAMILIES = ("one-shot", "gradual", "movement", "rounded", "aware", "cut", "factored", "together")
TENTH = 0.1
SHOWN_SPARSITY = 0.8  # the sparsity at which the figures show the distribution of zeros


@dataclass
class Sweep:
    """The model, the examples and the settings that all variants start from."""

    trained: Trained
    train: list[Any]
    dev: list[Any]
    start: str
    settings: dict[str, Any]
    report: Report
    trainings: dict[Any, Trained] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labelled, self.calibration = make_batches(self.trained, self.train)
        task = self.trained.task
        self.answers = task.answers(self.trained.model, self.trained.tokenizer, self.dev)

    def plan(self, **plan: Any) -> Trained:
        """Compress without training."""
        return self.as_trained(compress_model(self.trained.model, Plan(**plan), self.labelled, self.calibration))

    def finetune(self, start: str, **settings: Any) -> Trained:
        """Fine-tune from a folder with these settings; the result is cached."""
        key = (start, *sorted(settings.items()))
        if key not in self.trainings:
            self.trainings[key] = finetune(
                self.trained.task, self.train, self.dev, model=start, options=dict(self.trained.task.options), report=self.report,
                **{**self.settings, **settings},
            ).trained  # fmt: skip
        return self.trainings[key]

    def as_trained(self, small: CompressedModel) -> Trained:
        """Combine a compressed model with the task and the tokenizer."""
        return Trained(self.trained.task, small.model, self.trained.tokenizer, {}, small.packing)

    def rounded(self, make: Callable[[], Trained], weights: str) -> Trained:
        """Make a model and round it to fewer bits."""
        return self.as_trained(compress_model(make().model, Plan(weights=weights), None, self.calibration))

    def cut(self, share: float, folder: Path, **settings: Any) -> Trained:
        """Remove heads and neurons, then fine-tune."""
        self.plan(heads=share, neurons=share).save_pretrained(folder)
        return self.finetune(str(folder), **settings)


def variants(sweep: Sweep, folder: Path) -> Iterator[tuple[str, str, Callable[[], Trained]]]:
    """Yield (family, name, function that makes the model) of each variant."""
    for share in SHARES:
        yield "one-shot", f"{share:.0%}", partial(sweep.plan, sparsity=share)
    for share in SHARES:
        yield "gradual", f"{share:.0%}", partial(sweep.finetune, sweep.start, sparsity=share)
    for share in SHARES:
        yield "movement", f"{share:.0%}", partial(sweep.finetune, sweep.start, sparsity=share, prune_by="movement")
    for weights in ("float16", "bfloat16", "int8", "int4"):
        yield "rounded", weights, partial(sweep.plan, weights=weights)
    yield "aware", "int4", partial(sweep.finetune, sweep.start, weights="int4")
    for share in (0.75, 0.5, 0.25):
        yield "cut", f"{share:.0%} stay", partial(sweep.cut, share, folder / f"before-{share}")
    for energy in (0.95, 0.9, 0.8, 0.6):
        yield "factored", f"energy {energy}", partial(sweep.plan, energy=energy)
    for share, weights in ((0.8, "int8"), (0.8, "int4"), (0.9, "int8")):
        pruned = partial(sweep.finetune, sweep.start, sparsity=share)
        yield "together", f"{share:.0%}, {weights}", partial(sweep.rounded, pruned, weights)
    for share, weights in ((0.9, "int8"), (0.95, "int4")):
        pruned = partial(sweep.finetune, sweep.start, sparsity=share, prune_by="movement")
        yield "together", f"movement {share:.0%}, {weights}", partial(sweep.rounded, pruned, weights)
    half = partial(sweep.cut, 0.5, folder / "before-together", sparsity=0.8)
    yield "together", "half cut, 80%, int8", partial(sweep.rounded, half, "int8")


def run(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    train: Any,
    dev: Any,
    start: str | os.PathLike[str] | None = None,
    families: tuple[str, ...] = FAMILIES,
    report: Report | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Compress the model of a folder in every way; return the content of sweep.json: {"metric", "rows", "best_at_a_tenth", ...}.

    start     the folder from which variants with training start; None: the model itself
    settings  of `finetune`: epochs, learning_rate, ...

    Raises ValueError, FileNotFoundError, FileExistsError.
    """
    for family in families:
        if family not in FAMILIES:
            raise ValueError(f"families: expected some of {', '.join(FAMILIES)}, got {family!r}")
    folder, report = new_folder(out), report or Report()
    trained = Trained.from_pretrained(model)
    sweep = Sweep(trained, trained.read(train), trained.read(dev), str(start or model), settings, report)
    trained.task.summarize({"train": (train, sweep.train), "dev": (dev, sweep.dev)}, report.note)
    if not sweep.dev:
        raise ValueError("a sweep scores on development examples, and there are none")
    metric, float32_bytes = trained.task.metric, trained.model.params.count() * 4
    rows = [make_row("dense", "float32", trained, sweep, weights_bytes(Path(model)) or float32_bytes, 1.0)]
    folder.mkdir(parents=True, exist_ok=True)
    better = trained.task.higher_is_better
    results: dict[str, Any] = {"metric": metric, "higher_is_better": better, "rows": rows, "zeros": {}, "outputs": {}}
    results |= measure_importance(sweep)
    for scope in ("layer", "global"):
        pruned = compress_model(trained.model, Plan(sparsity=SHOWN_SPARSITY, scope=scope)).model.params
        results["zeros"][scope] = {name: count / size for name, (count, size) in count_zeros(pruned).items()}
    results["outputs"] = zeros_per_output(pruned)
    for family, name, make in variants(sweep, folder / "steps"):
        if family not in families:
            continue
        report.note(f"{family}: {name}")
        small = make()
        path = folder / f"{family}-{name}".replace("%", "").replace(",", "").replace(" ", "-")
        small.save_pretrained(path)
        seconds = measure_times([trained, small], sweep.dev)
        rows.append(make_row(family, name, small, sweep, weights_bytes(path) or 0, seconds[0] / seconds[1]))
        results["best_at_a_tenth"] = best_at(rows, better, TENTH)
        write_json(folder / "sweep.json", results)  # after each variant, so that an interrupted sweep leaves its results
        write_whole(folder / "sweep.md", lambda path: path.write_text(format_table(results), encoding="utf-8"))
    shutil.rmtree(folder / "steps", ignore_errors=True)
    draw_sweep(results, folder)
    return results


def draw_sweep(results: dict[str, Any], folder: Path) -> None:
    """Write the figures of a sweep into its folder."""

    def draw() -> dict[str, Any]:
        from albert_np.plots import compression_figures

        return compression_figures(results)

    write_figures(folder / "figures", draw)


def make_row(family: str, name: str, small: Trained, sweep: Sweep, size: int, faster: float) -> dict[str, Any]:
    """Return the results of one variant. faster: the speed relative to the dense model."""
    task = sweep.trained.task
    answers = task.answers(small.model, small.tokenizer, sweep.dev)
    return {
        "family": family, "name": name, "score": task.score(sweep.dev, answers)[task.metric],
        "changed": share_changed(sweep.trained, sweep.dev, sweep.answers, answers), "bytes": size,
        "parameters": small.model.params.count(), "zeros": sparsity(small.model.params), "faster": faster,
    }  # fmt: skip


def measure_importance(sweep: Sweep) -> dict[str, Any]:
    """Return the importance of each head and each neuron of the dense model."""
    heads, neurons = importance(sweep.trained.model, sweep.labelled)
    return {"heads": {n: w.tolist() for n, w in heads.items()}, "neurons": {n: sorted(w.tolist()) for n, w in neurons.items()}}


def zeros_per_output(params: Any) -> dict[str, list[float]]:
    """Return, for each matrix, the percentiles 0, 1, ..., 100 of the share of zeros in the weights of an output."""
    shares = {name: backend.to_host((as_rows(name, array) == 0).mean(1)) for name, array in matrices(params).items()}
    return {name: np.percentile(each, range(101)).tolist() for name, each in shares.items()}


def best_at(rows: list[dict[str, Any]], higher_is_better: bool, share: float) -> dict[str, Any] | None:
    """Return the variant with the best score of at most this share of the dense model's size; None if there is none."""
    small = [row for row in rows if row["bytes"] <= share * rows[0]["bytes"]]
    sign = 1 if higher_is_better else -1
    return max(small, key=lambda row: (sign * row["score"], -row["bytes"]), default=None)


def format_table(results: dict[str, Any]) -> str:
    """Return the results as a Markdown table."""
    metric = results["metric"] + ("" if results.get("higher_is_better", True) else " (lower is better)")
    head = ["way", "", metric, "answers changed", "MB", "of the dense size", "zeros", "times as fast"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * 6]
    dense = results["rows"][0]["bytes"]
    for row in results["rows"]:
        changed = "–" if row["changed"] is None else f"{row['changed']:.1%}"
        cells = [row["family"], row["name"], format_score(row["score"]), changed, f"{row['bytes'] / 1e6:.2f}",
                 f"{row['bytes'] / dense:.1%}", f"{row['zeros']:.0%}", f"{row['faster']:.2f}"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    best = results["best_at_a_tenth"]
    if best is not None and math.isfinite(best["score"]):
        lines += ["", f"The best at a tenth of the size: {best['family']}, {best['name']}: {format_score(best['score'])}"]
    return "\n".join(lines) + "\n"
