"""The figures of a run, drawn from its metrics.jsonl: loss, accuracies, learning rate, gradient norm. One PNG each."""

import math
import os
from functools import partial
from pathlib import Path
from typing import Any

from albert_np.files import write_whole
from albert_np.training.metrics import read_metrics

WINDOW = 0.02  # the smooth line is a running mean over this share of the steps
INK, PALE, SECOND, SECOND_PALE = "#1f4e8c", "#b7cbe6", "#b3541e", "#ecc9b3"


def draw(
    metrics: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    unigram_entropy: float | None = None,
    vocab_size: int | None = None,
) -> list[Path]:
    """Write loss.png, accuracy.png, learning_rate.png and gradient_norm.png into `folder` -> their paths, [] without steps.

    The unigram entropy (nats) becomes a dashed line in the loss's figure: what knowing only the pieces' frequencies costs;
    ln V, what knowing nothing costs, a dotted one.
    """
    steps, evaluations = read_metrics(Path(metrics))
    steps = [record for record in steps if record["loss"] is not None]
    if not steps:
        return []
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "loss": _loss(steps, evaluations, unigram_entropy, vocab_size),
        "accuracy": _accuracy(steps, evaluations),
        "learning_rate": _single(steps, "lr", "learning rate"),
        "gradient_norm": _single(steps, "grad_norm", "norm of the gradient before clipping", smooth=True),
    }
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        write_whole(paths[-1], partial(figure.savefig, format="png", dpi=120))
    return paths


def draw_finetuning(folder: Path, history: Any, metric: str, baselines: dict[str, dict[str, Any]]) -> list[Path]:
    """Write learning.png, the loss of the steps and the score of the epochs, into `folder` -> its path, [] without steps.

    history: a `training.finetune.History`; the baselines' scores become dashed lines.
    """
    if not history.steps:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = _axes("Fine-tuning", "training loss (nats)")
    _curve(axes, history.steps, "loss", "training loss", INK, PALE)
    axes.set_ylim(bottom=0)
    if history.epochs:
        right = axes.twinx()
        right.set_ylabel(f"{metric} on the development examples")
        right.spines["top"].set_visible(False)
        steps, scores = [e["step"] for e in history.epochs], [e["dev"][metric] for e in history.epochs]
        right.plot(steps, scores, "o-", color=SECOND, markersize=4, markerfacecolor="white", label=metric)
        for (name, found), style in zip(baselines.items(), ("--", ":", "-.")):
            right.axhline(found[metric], color=SECOND, linestyle=style, linewidth=1, label=name)
        right.set_ylim(bottom=min(0, *scores))
        figure.legend(frameon=False, loc="outside lower center", ncols=3, fontsize="small")
    path = folder / "learning.png"
    write_whole(path, partial(figure.savefig, format="png", dpi=120))
    return [path]


def draw_confusion(path: Path, table: Any, names: list[str]) -> Path:
    """A confusion matrix as a picture: a row a true class, a column a found one, shares of the row.   table (C, C) counts"""
    figure, axes = _axes("Confusion", "true")
    size = max(4.0, 0.45 * len(names) + 2)
    figure.set_size_inches(size + 1, size)
    shares = table / table.sum(1, keepdims=True).clip(1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("found")
    axes.grid(False)
    axes.set_xticks(range(len(names)), names, rotation=45 if len(names) > 3 else 0, ha="right" if len(names) > 3 else "center")
    axes.set_yticks(range(len(names)), names)
    for i, row in enumerate(table.tolist()):
        for k, count in enumerate(row):
            if count:
                axes.text(
                    k, i, str(count), ha="center", va="center", fontsize="small", color="white" if shares[i, k] > 0.5 else "0.2"
                )
    figure.colorbar(image, shrink=0.8, label="share of the true class")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, partial(figure.savefig, format="png", dpi=120))
    return path


def _axes(title: str, ylabel: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    axes.set_xlabel("step")
    axes.set_ylabel(ylabel)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def smoothed(values: list[float]) -> list[float]:
    """Running means over a window that ends at each value."""
    width, total, means = max(1, math.ceil(len(values) * WINDOW)), 0.0, []
    for i, value in enumerate(values):
        total += value - (values[i - width] if i >= width else 0.0)
        means.append(total / min(width, i + 1))
    return means


def _curve(axes: Any, steps: list[dict[str, Any]], key: str, label: str, ink: str, pale: str) -> None:
    rows = [(record["step"], record[key]) for record in steps if record.get(key) is not None]
    if not rows:
        return
    x, y = [row[0] for row in rows], [row[1] for row in rows]
    axes.plot(x, y, color=pale, linewidth=0.7)
    axes.plot(x, smoothed(y), color=ink, linewidth=1.6, label=label)


def _points(axes: Any, evaluations: list[dict[str, Any]], key: str, label: str, ink: str) -> None:
    rows = [(record["step"], record["held_out"][key]) for record in evaluations if key in record["held_out"]]
    if rows:
        axes.plot(*zip(*rows), "o-", color=ink, markersize=4, linewidth=0.8, markerfacecolor="white", label=label)


def _loss(steps: list[dict[str, Any]], evaluations: list[dict[str, Any]], unigram: float | None, vocab_size: int | None) -> Any:
    figure, axes = _axes("Masked language model", "loss (nats a masked piece)")
    _curve(axes, steps, "mlm_loss", "training", INK, PALE)
    _points(axes, evaluations, "mlm_loss", "held-out", SECOND)
    if vocab_size:
        axes.axhline(math.log(vocab_size), color="0.5", linestyle=":", linewidth=1.2, label=f"ln V = {math.log(vocab_size):.2f}")
    if unigram is not None:
        axes.axhline(unigram, color="0.25", linestyle="--", linewidth=1.2, label=f"unigram entropy = {unigram:.2f}")
    axes.legend(frameon=False)
    return figure


def _accuracy(steps: list[dict[str, Any]], evaluations: list[dict[str, Any]]) -> Any:
    figure, axes = _axes("Accuracy", "share that is right")
    _curve(axes, steps, "mlm_accuracy", "masked pieces, training", INK, PALE)
    _points(axes, evaluations, "mlm_accuracy", "masked pieces, held-out", INK)
    _curve(axes, steps, "sop_accuracy", "sentence order, training", SECOND, SECOND_PALE)
    _points(axes, evaluations, "sop_accuracy", "sentence order, held-out", SECOND)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, ncols=2, fontsize="small")
    return figure


def _single(steps: list[dict[str, Any]], key: str, label: str, smooth: bool = False) -> Any:
    figure, axes = _axes(label[0].upper() + label[1:], label)
    if smooth:
        _curve(axes, steps, key, "", INK, PALE)
    else:
        axes.plot([record["step"] for record in steps], [record[key] for record in steps], color=INK, linewidth=1.6)
    axes.set_ylim(bottom=0)
    return figure
