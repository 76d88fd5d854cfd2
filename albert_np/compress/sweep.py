"""One trained model made smaller in many ways, each scored, weighed and timed: `albert-np compress --sweep`.

    one-shot    the smallest weights are cut at once, no training after          gradual    while training goes on
    movement    gradual, by where training moves the weights                     rounded    to fewer bits, calibrated
    aware       4 bits, trained with the rounding                                cut        heads and neurons, then training
    factored    weights in two factors, no training after                        together   several of these

sweep.json, sweep.md and pictures tell it; a folder for each of them answers like any trained model.
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

from albert_np.compress.job import Compressed, Plan, compressed
from albert_np.compress.models import bytes_at, changed, looked_at, times
from albert_np.compress.tensors import matrices, sparsity, zeros
from albert_np.compress.tensors import rows as rows_of
from albert_np.core import backend
from albert_np.io.files import write_figures, write_json, write_whole
from albert_np.tasks.finetune import finetune, new_folder
from albert_np.tasks.trained import Trained
from albert_np.training.callbacks import Report

SHARES = (0.5, 0.8, 0.9, 0.95)
FAMILIES = ("one-shot", "gradual", "movement", "rounded", "aware", "cut", "factored", "together")
TENTH = 0.1
MOST_SHOWN = 0.8  # the sparsity at which the pictures show where the zeros are


@dataclass
class Sweep:
    """What every way starts from."""

    trained: Trained
    train: list[Any]
    dev: list[Any]
    start: str
    settings: dict[str, Any]
    report: Report
    trainings: dict[Any, Trained] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labelled, self.seen = looked_at(self.trained, self.train)
        task = self.trained.task
        self.answers = task.answers(self.trained.model, self.trained.tokenizer, self.dev)

    def plan(self, **plan: Any) -> Trained:
        """Without training."""
        return self.stored(compressed(self.trained.model, Plan(**plan), self.labelled, self.seen))

    def tuned(self, start: str, **settings: Any) -> Trained:
        """With training, from a folder; what was asked for before is not trained again."""
        key = (start, *sorted(settings.items()))
        if key not in self.trainings:
            self.trainings[key] = finetune(
                self.trained.task, self.train, self.dev, model=start, options=dict(self.trained.task.options), report=self.report,
                **{**self.settings, **settings},
            ).trained  # fmt: skip
        return self.trainings[key]

    def stored(self, found: Compressed) -> Trained:
        return Trained(self.trained.task, found.model, self.trained.tokenizer, {}, found.packing)

    def rounded(self, make: Callable[[], Trained], weights: str) -> Trained:
        """What was made in another way, with fewer bits besides."""
        return self.stored(compressed(make().model, Plan(weights=weights), None, self.seen))

    def cut(self, share: float, folder: Path, **settings: Any) -> Trained:
        """Heads and neurons cut away, then trained on."""
        self.plan(heads=share, neurons=share).save_pretrained(folder)
        return self.tuned(str(folder), **settings)


def ways(sweep: Sweep, folder: Path) -> Iterator[tuple[str, str, Callable[[], Trained]]]:
    """(family, name, what makes it) of each way."""
    for share in SHARES:
        yield "one-shot", f"{share:.0%}", partial(sweep.plan, sparsity=share)
    for share in SHARES:
        yield "gradual", f"{share:.0%}", partial(sweep.tuned, sweep.start, sparsity=share)
    for share in SHARES:
        yield "movement", f"{share:.0%}", partial(sweep.tuned, sweep.start, sparsity=share, prune_by="movement")
    for weights in ("float16", "bfloat16", "int8", "int4"):
        yield "rounded", weights, partial(sweep.plan, weights=weights)
    yield "aware", "int4", partial(sweep.tuned, sweep.start, weights="int4")
    for share in (0.75, 0.5, 0.25):
        yield "cut", f"{share:.0%} stay", partial(sweep.cut, share, folder / f"before-{share}")
    for energy in (0.95, 0.9, 0.8, 0.6):
        yield "factored", f"energy {energy}", partial(sweep.plan, energy=energy)
    for share, weights in ((0.8, "int8"), (0.8, "int4"), (0.9, "int8")):
        pruned = partial(sweep.tuned, sweep.start, sparsity=share)
        yield "together", f"{share:.0%}, {weights}", partial(sweep.rounded, pruned, weights)
    for share, weights in ((0.9, "int8"), (0.95, "int4")):
        pruned = partial(sweep.tuned, sweep.start, sparsity=share, prune_by="movement")
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
    """Try every way on the model of a folder -> what sweep.json holds: {"metric", "rows", "best_at_a_tenth", "heads", "zeros"}.

    start     what the ways with training start from; None: the model itself
    settings  of `finetune`, for these: epochs, learning_rate, ...

    Raises ValueError, FileNotFoundError, FileExistsError.
    """
    for family in families:
        if family not in FAMILIES:
            raise ValueError(f"families: expected some of {', '.join(FAMILIES)}, got {family!r}")
    folder, report = new_folder(out), report or Report()
    trained = Trained.from_pretrained(model)
    sweep = Sweep(trained, trained.read(train), trained.read(dev), str(start or model), settings, report)
    if not sweep.dev:
        raise ValueError("a sweep scores on development examples, and there are none")
    metric, whole = trained.task.metric, trained.model.params.count() * 4
    rows = [row_of("dense", "float32", trained, sweep, bytes_at(Path(model)) or whole, 1.0)]
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"metric": metric, "rows": rows, "zeros": {}, "outputs": {}, **worth(sweep)}
    for scope in ("layer", "global"):
        pruned = compressed(trained.model, Plan(sparsity=MOST_SHOWN, scope=scope)).model.params
        found["zeros"][scope] = {name: dead / size for name, (dead, size) in zeros(pruned).items()}
    found["outputs"] = outputs(pruned)
    for family, name, make in ways(sweep, folder / "steps"):
        if family not in families:
            continue
        report.note(f"{family}: {name}")
        small = make()
        place = folder / f"{family}-{name}".replace("%", "").replace(",", "").replace(" ", "-")
        small.save_pretrained(place)
        base, own = times([trained, small], sweep.dev)
        rows.append(row_of(family, name, small, sweep, bytes_at(place) or 0, base / own))
        found["best_at_a_tenth"] = best_at(rows, metric, TENTH)
        write_json(folder / "sweep.json", found)  # after each, so that a sweep that is stopped leaves what it found
        write_whole(folder / "sweep.md", lambda path: path.write_text(markdown(found), encoding="utf-8"))
    shutil.rmtree(folder / "steps", ignore_errors=True)
    from albert_np.plots import compression_figures

    write_figures(folder / "figures", lambda: compression_figures(found))
    return found


def row_of(family: str, name: str, small: Trained, sweep: Sweep, size: int, faster: float) -> dict[str, Any]:
    """One way's figures. faster: how many times as fast as the dense model, the two taking turns."""
    task = sweep.trained.task
    answers = task.answers(small.model, small.tokenizer, sweep.dev)
    return {
        "family": family, "name": name, "score": task.score(sweep.dev, answers)[task.metric],
        "changed": changed(sweep.trained, sweep.dev, sweep.answers, answers), "bytes": size,
        "parameters": small.model.params.count(), "zeros": sparsity(small.model.params), "faster": faster,
    }  # fmt: skip


def worth(sweep: Sweep) -> dict[str, Any]:
    """What each head and each neuron of the dense model is worth."""
    from albert_np.compress.importance import importance

    heads, neurons = importance(sweep.trained.model, sweep.labelled)
    return {"heads": {n: w.tolist() for n, w in heads.items()}, "neurons": {n: sorted(w.tolist()) for n, w in neurons.items()}}


def outputs(params: Any) -> dict[str, list[float]]:
    """{name: the share of zeros in the weights of each output, at the percentiles 0, 1, ..., 100} of each matrix."""
    shares = {name: backend.to_host((rows_of(name, array) == 0).mean(1)) for name, array in matrices(params).items()}
    return {name: np.percentile(each, range(101)).tolist() for name, each in shares.items()}


def best_at(rows: list[dict[str, Any]], metric: str, share: float) -> dict[str, Any] | None:
    """The best score of those that are at most this share of the dense model's size; None if there is none."""
    small = [row for row in rows if row["bytes"] <= share * rows[0]["bytes"]]
    return max(small, key=lambda row: (row["score"], -row["bytes"]), default=None)


def markdown(found: dict[str, Any]) -> str:
    """The rows as a table."""
    head = ["way", "", found["metric"], "answers changed", "MB", "of the dense size", "zeros", "times as fast"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * 6]
    dense = found["rows"][0]["bytes"]
    for row in found["rows"]:
        cells = [row["family"], row["name"], f"{row['score']:.4f}", f"{row['changed']:.1%}", f"{row['bytes'] / 1e6:.2f}",
                 f"{row['bytes'] / dense:.1%}", f"{row['zeros']:.0%}", f"{row['faster']:.2f}"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    best = found["best_at_a_tenth"]
    if best is not None and math.isfinite(best["score"]):
        lines += ["", f"The best at a tenth of the size: {best['family']}, {best['name']}: {best['score']:.4f}"]
    return "\n".join(lines) + "\n"
