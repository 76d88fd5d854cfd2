"""Figures of fine-tuning: the loss with the scores per epoch, and the confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np

from albert_np.plots.axes import (
    AS_TEXT,
    INK,
    PALE,
    SECOND,
    Figure,
    Record,
    count_columns,
    format_name,
    make_axes,
    plain_legend,
    plot_curve,
    start_at_zero,
)

MAX_CLASSES = 40  # rows of a confusion matrix, so that numbers and names can be read, and the figure's size is bounded
LARGE_CELLS = 20  # up to as many rows
CELL, SMALL_CELL = 0.45, 0.32  # inches
UPRIGHT_COLUMNS = 10  # of a name below a column that is not turned


def finetune_figures(
    steps: Sequence[Record],
    epochs: Sequence[Record],
    metric: str,
    baselines: Mapping[str, Record],
    higher_is_better: bool = True,
    unit: str | None = None,
) -> dict[str, Figure]:
    """Return {"learning": the loss per step and the score per epoch}; {} without steps.

    steps           dicts with step and loss, as in metrics.jsonl
    epochs          dicts with step and dev, the scores by their names; [] without development examples
    metric          the key of the score; higher_is_better: False for an error of numbers
    baselines       {name: scores}; their scores become dashed lines
    unit            of the loss; None: nats, and the squared error for an error of numbers
    """
    if not steps:
        return {}
    unit = unit or ("nats" if higher_is_better else "squared error")
    figure, axes = make_axes("Fine-tuning", f"training loss ({unit})")
    plot_curve(axes, steps, "loss", "training loss", INK, PALE)
    start_at_zero(axes)
    if epochs:
        right = axes.twinx()
        lower = "" if higher_is_better else " (lower is better)"
        right.set_ylabel(f"{format_name(metric)}{lower}\non the development examples", **AS_TEXT)
        right.spines["top"].set_visible(False)
        scores = [record["dev"][metric] for record in epochs]
        x = [record["step"] for record in epochs]
        right.plot(x, scores, "o-", color=SECOND, markersize=4, markerfacecolor="white", label=format_name(metric))
        for (name, baseline), style in zip(baselines.items(), ("--", ":", "-.")):
            right.axhline(baseline[metric], color=SECOND, linestyle=style, linewidth=1, label=format_name(name))
        right.set_ylim(bottom=min(0, *scores))
        plain_legend(figure.legend(frameon=False, loc="outside lower center", ncols=3, fontsize="small"))
    return {"learning": figure}


def confusion_figure(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Return the picture of a confusion matrix: one row per true class, one column per predicted class.   counts (C, C)

    Of more than `MAX_CLASSES` classes, the most confused ones are shown, and all others as one; the cell of these on the diagonal
    has their right answers only.
    """
    counts, labels, title = limit_classes(np.asarray(counts), [format_name(name) for name in names])
    size = len(labels)
    cell = CELL if size <= LARGE_CELLS else SMALL_CELL
    font = "small" if size <= LARGE_CELLS else "x-small"
    inches = max(4.0, cell * size + 2)
    figure, axes = make_axes(title, "true")
    figure.set_size_inches(inches + 1, inches)
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.grid(False)
    turned = size > 3 or max(map(count_columns, labels)) > UPRIGHT_COLUMNS
    axes.set_xticks(
        range(size), labels, rotation=45 if turned else 0, ha="right" if turned else "center", rotation_mode="anchor",
        fontsize=font, **AS_TEXT,
    )  # fmt: skip
    axes.set_yticks(range(size), labels, fontsize=font, **AS_TEXT)
    for i, k in np.argwhere(counts):
        colour = "white" if shares[i, k] > 0.5 else "0.2"
        axes.text(k, i, format_count(int(counts[i, k])), ha="center", va="center", fontsize=font, color=colour)
    figure.colorbar(image, shrink=0.8, label="share of the true class")
    return figure


def limit_classes(counts: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str], str]:
    """Return the counts (K, K) and the names of at most `MAX_CLASSES` rows, and the figure's title."""
    C = len(names)
    if C <= MAX_CLASSES:
        return counts, names, "Confusion"
    true, predicted, right = counts.sum(1), counts.sum(0), np.diag(counts)
    wrong = true + predicted - 2 * right
    K = MAX_CLASSES - 1
    shown = np.sort(np.lexsort((-true, -wrong))[:K])
    small = np.zeros((K + 1, K + 1), counts.dtype)
    small[:K, :K] = counts[np.ix_(shown, shown)]
    small[:K, K] = true[shown] - small[:K, :K].sum(1)
    small[K, :K] = predicted[shown] - small[:K, :K].sum(0)
    small[K, K] = right.sum() - right[shown].sum()
    title = f"Confusion: the {K} most confused of {C:,} classes"
    if hidden := int(counts.sum() - small.sum()):
        title += f" ({hidden:,} mistakes between the others are not shown)"
    return small, [*(names[i] for i in shown), f"the other {C - K:,}"], title


def format_count(count: int) -> str:
    """Return a count in at most four characters up to a million: 9999, 10k, 1.2M."""
    if count < 10_000:
        return str(count)
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"
