"""The figures of fine-tuning: the loss with the scores of the epochs, and the confusion matrix of classes."""

from functools import partial
from pathlib import Path
from typing import Any

from albert_np.io.files import write_whole
from albert_np.plots.axes import INK, PALE, SECOND, axes_of, curve


def draw_finetuning(folder: Path, history: Any, metric: str, baselines: dict[str, dict[str, Any]]) -> list[Path]:
    """Write learning.png, the loss of the steps and the score of the epochs, into `folder` -> its path, [] without steps.

    history: a `training.finetune.History`; the baselines' scores become dashed lines.
    """
    if not history.steps:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = axes_of("Fine-tuning", "training loss (nats)")
    curve(axes, history.steps, "loss", "training loss", INK, PALE)
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
    figure, axes = axes_of("Confusion", "true")
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
