"""Figures of a pretraining run: loss, accuracies, learning rate, gradient norm."""

import math
from collections.abc import Sequence

from albert_np.plots.axes import (
    INK,
    PALE,
    SECOND,
    SECOND_PALE,
    Figure,
    Record,
    draw_line,
    make_axes,
    plot_curve,
    plot_evaluations,
    start_at_zero,
)


def pretraining_figures(
    steps: Sequence[Record],
    evaluations: Sequence[Record],
    unigram_entropy: float | None = None,
    vocab_size: int | None = None,
) -> dict[str, Figure]:
    """Return {"loss", "accuracy", "learning_rate", "gradient_norm": figure}; {} if there is no step with a finite loss.

    steps                the records of metrics.jsonl: dicts with step, loss, mlm_loss, mlm_accuracy, lr, grad_norm, and perhaps
                         sop_accuracy; a loss of None is left out
    evaluations          its records with step and held_out, a dict of the same scores; [] if there are none
    unigram_entropy      nats: the loss of a model that predicts the tokens' frequencies, on the held-out labels. A dashed line
    vocab_size           V: the loss of a uniform guess, ln V, becomes a dotted line
    """
    steps = [record for record in steps if record["loss"] is not None]
    if not steps:
        return {}
    return {
        "loss": _draw_loss(steps, evaluations, unigram_entropy, vocab_size),
        "accuracy": _draw_accuracy(steps, evaluations),
        "learning_rate": _draw_single(steps, "lr", "learning rate"),
        "gradient_norm": _draw_single(steps, "grad_norm", "norm of the gradient before clipping", smooth=True),
    }


def _draw_loss(
    steps: Sequence[Record], evaluations: Sequence[Record], unigram_entropy: float | None, vocab_size: int | None
) -> Figure:
    figure, axes = make_axes("Masked language model", "loss (nats per masked token)")
    plot_curve(axes, steps, "mlm_loss", "training", INK, PALE)
    plot_evaluations(axes, evaluations, "mlm_loss", "held-out", SECOND)
    if vocab_size:
        uniform = math.log(vocab_size)
        axes.axhline(uniform, color="0.5", linestyle=":", linewidth=1.2, label=f"ln V = {uniform:.2f}")
    if unigram_entropy is not None:
        label = f"unigram entropy, held-out = {unigram_entropy:.2f}"
        axes.axhline(unigram_entropy, color="0.25", linestyle="--", linewidth=1.2, label=label)
    figure.legend(frameon=False, loc="outside lower center", ncols=4, fontsize="small")  # within, it may cover a line
    return figure


def _draw_accuracy(steps: Sequence[Record], evaluations: Sequence[Record]) -> Figure:
    figure, axes = make_axes("Accuracy", "share of correct predictions")
    plot_curve(axes, steps, "mlm_accuracy", "masked tokens, training", INK, PALE)
    plot_evaluations(axes, evaluations, "mlm_accuracy", "masked tokens, held-out", INK)
    plot_curve(axes, steps, "sop_accuracy", "sentence order, training", SECOND, SECOND_PALE)
    plot_evaluations(axes, evaluations, "sop_accuracy", "sentence order, held-out", SECOND)
    axes.set_ylim(0, 1)
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize="small")
    return figure


def _draw_single(steps: Sequence[Record], key: str, label: str, smooth: bool = False) -> Figure:
    figure, axes = make_axes(label[0].upper() + label[1:], label)
    if smooth:
        plot_curve(axes, steps, key, "", INK, PALE)
    else:
        draw_line(axes, [record["step"] for record in steps], [record[key] for record in steps], color=INK)
    start_at_zero(axes)
    return figure
