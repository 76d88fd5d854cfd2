"""Figures of fine-tuning: the loss with the scores per epoch, and the confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np

from albert_np.plots.axes import INK, PALE, SECOND, Figure, Record, make_axes, plot_curve


def finetune_figures(
    steps: Sequence[Record], epochs: Sequence[Record], metric: str, baselines: Mapping[str, Record], higher_is_better: bool = True
) -> dict[str, Figure]:
    """Return {"learning": the loss per step and the score per epoch}; {} without steps.

    steps, epochs   the records of a `training.finetune.History`
    metric          the key of the score; higher_is_better: False for an error of numbers
    baselines       {name: scores}; their scores become dashed lines
    """
    if not steps:
        return {}
    unit = "nats" if higher_is_better else "squared error"
    figure, axes = make_axes("Fine-tuning", f"training loss ({unit})")
    plot_curve(axes, steps, "loss", "training loss", INK, PALE)
    axes.set_ylim(bottom=0)
    if epochs:
        right = axes.twinx()
        right.set_ylabel(f"{metric}{'' if higher_is_better else ' (lower is better)'}\non the development examples")
        right.spines["top"].set_visible(False)
        scores = [record["dev"][metric] for record in epochs]
        x = [record["step"] for record in epochs]
        right.plot(x, scores, "o-", color=SECOND, markersize=4, markerfacecolor="white", label=metric)
        for (name, baseline), style in zip(baselines.items(), ("--", ":", "-.")):
            right.axhline(baseline[metric], color=SECOND, linestyle=style, linewidth=1, label=name)
        right.set_ylim(bottom=min(0, *scores))
        figure.legend(frameon=False, loc="outside lower center", ncols=3, fontsize="small")
    return {"learning": figure}


def confusion_figure(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Return the picture of a confusion matrix: one row per true class, one column per predicted class.   counts (C, C)"""
    figure, axes = make_axes("Confusion", "true")
    size = max(4.0, 0.45 * len(names) + 2)
    figure.set_size_inches(size + 1, size)
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.grid(False)
    axes.set_xticks(range(len(names)), names, rotation=45 if len(names) > 3 else 0, ha="right" if len(names) > 3 else "center")
    axes.set_yticks(range(len(names)), names)
    for (i, k), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[i, k] > 0.5 else "0.2"
            axes.text(k, i, str(count), ha="center", va="center", fontsize="small", color=colour)
    figure.colorbar(image, shrink=0.8, label="share of the true class")
    return figure
