"""The figures of pretraining, drawn from its metrics.jsonl: loss, accuracies, learning rate, gradient norm. One PNG each."""

import math
import os
from functools import partial
from pathlib import Path
from typing import Any

from albert_np.io.files import write_whole
from albert_np.plots.axes import INK, PALE, SECOND, SECOND_PALE, axes_of, curve, points
from albert_np.training.metrics import read_metrics


def draw(
    metrics: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    unigram_entropy: float | None = None,
    vocab_size: int | None = None,
) -> list[Path]:
    """Write loss.png, accuracy.png, learning_rate.png and gradient_norm.png into `folder` -> their paths, [] without steps.

    The unigram entropy (nats) becomes a dashed line in the loss's figure: what knowing only the pieces' frequencies costs for
    the held-out labels (for those of a training step it is another number); ln V, what knowing nothing costs, a dotted one.
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


def _loss(steps: list[dict[str, Any]], evaluations: list[dict[str, Any]], unigram: float | None, vocab_size: int | None) -> Any:
    figure, axes = axes_of("Masked language model", "loss (nats a masked piece)")
    curve(axes, steps, "mlm_loss", "training", INK, PALE)
    points(axes, evaluations, "mlm_loss", "held-out", SECOND)
    if vocab_size:
        axes.axhline(math.log(vocab_size), color="0.5", linestyle=":", linewidth=1.2, label=f"ln V = {math.log(vocab_size):.2f}")
    if unigram is not None:
        axes.axhline(unigram, color="0.25", linestyle="--", linewidth=1.2, label=f"unigram entropy, held-out = {unigram:.2f}")
    axes.legend(frameon=False)
    return figure


def _accuracy(steps: list[dict[str, Any]], evaluations: list[dict[str, Any]]) -> Any:
    figure, axes = axes_of("Accuracy", "share that is right")
    curve(axes, steps, "mlm_accuracy", "masked pieces, training", INK, PALE)
    points(axes, evaluations, "mlm_accuracy", "masked pieces, held-out", INK)
    curve(axes, steps, "sop_accuracy", "sentence order, training", SECOND, SECOND_PALE)
    points(axes, evaluations, "sop_accuracy", "sentence order, held-out", SECOND)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, ncols=2, fontsize="small")
    return figure


def _single(steps: list[dict[str, Any]], key: str, label: str, smooth: bool = False) -> Any:
    figure, axes = axes_of(label[0].upper() + label[1:], label)
    if smooth:
        curve(axes, steps, key, "", INK, PALE)
    else:
        axes.plot([record["step"] for record in steps], [record[key] for record in steps], color=INK, linewidth=1.6)
    axes.set_ylim(bottom=0)
    return figure
