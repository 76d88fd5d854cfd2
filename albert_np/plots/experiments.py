"""The figure of a sweep of experiments: one panel per compared metric, one row per configuration."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from albert_np.plots.axes import AS_TEXT, INK, PALE, SECOND, Figure, format_name

MAX_PANELS = 3
MAX_ROWS = 60  # the table has all of them
MAX_TICKS = 4  # of a panel: labels such as 0.54250 need their room
TITLE_WIDTH = 70
PANEL, ROW = (4.2, 0.36)  # inches


def experiments_figure(results: dict[str, Any], metric_label: Callable[[str], str] = str) -> Figure | None:
    """Return the figure of a sweep; None if there is nothing to show.

    The mean of the first configuration is a dashed line. The others are drawn by their differences to it: each seed's is a pale
    dot, the mean a diamond, and a line goes over the confidence interval, which therefore does not cross the dashed line where a
    difference was seen. A configuration without a seed in common with the first one has dots alone, at its own figures.

    results         as in a sweep's results.json: "title", "metrics" (names), "configurations" (dicts with "name" and "runs", a
                    dict of metrics for each seed) and perhaps "comparisons" with the first configuration
    metric_label    the name of a metric as it is to be printed

    Of more than `MAX_ROWS` configurations the first ones are shown, and the title has both numbers.
    """
    rows = [configuration for configuration in results["configurations"] if configuration["runs"]]
    metrics = select_metrics(results["metrics"])
    if not rows or not metrics:
        return None
    title = format_name(results["title"], TITLE_WIDTH)
    if len(rows) > MAX_ROWS:
        title += f": the first {MAX_ROWS} of {len(rows):,} configurations"
        rows = rows[:MAX_ROWS]
    paired = {
        (each["configuration"], each["metric"]): each
        for each in results.get("comparisons", ())
        if each["against"] == results["configurations"][0]["name"]
    }
    figure = Figure(figsize=(1.6 + PANEL * len(metrics), 1.3 + ROW * len(rows)), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize="medium", **AS_TEXT)
    for axes, metric in zip(figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0], metrics):
        _draw_panel(axes, rows, metric, paired)
        axes.set_xlabel(format_name(metric_label(metric)) + (" (held out, nats)" if "loss" in metric else ""), **AS_TEXT)
    axes.invert_yaxis()  # the panels share their y axis, so once is enough
    return figure


def select_metrics(metrics: Sequence[str]) -> list[str]:
    """Return the metrics to show, at most three. MLM accuracies are left out: they repeat what the losses show."""
    return [key for key in metrics if not key.startswith("mlm_accuracy")][:MAX_PANELS]


def _draw_panel(axes: Axes, rows: Sequence[dict[str, Any]], metric: str, paired: dict[tuple[str, str], dict[str, Any]]) -> None:
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    first = _values(rows[0], metric)
    for i, configuration in enumerate(rows):
        comparison = paired.get((configuration["name"], metric))
        if i == 0 and first and paired:
            axes.plot([statistics.fmean(first)], [0], "D", color=SECOND, markersize=5)
        elif comparison is not None:
            _draw_comparison(axes, i, comparison, statistics.fmean(first))
        elif values := _values(configuration, metric):
            axes.plot(values, [i] * len(values), "o", color=PALE, markersize=5)
            axes.plot([statistics.fmean(values)], [i], "D", color=SECOND if i == 0 else INK, markersize=5)
    if first:
        axes.axvline(statistics.fmean(first), color=SECOND, linestyle="--", linewidth=0.9)
    axes.set_yticks(range(len(rows)), [format_name(configuration["name"]) for configuration in rows], **AS_TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(MAX_TICKS, min_n_ticks=2))
    axes.margins(x=0.08)


def _draw_comparison(axes: Axes, row: int, comparison: dict[str, Any], base: float) -> None:
    """Draw differences to the first configuration, whose mean is `base`, with their interval."""
    dots = [base + difference for difference in comparison["differences"].values()]
    axes.plot(dots, [row] * len(dots), "o", color=PALE, markersize=5)
    if comparison["low"] is not None:
        axes.plot([base + comparison["low"], base + comparison["high"]], [row, row], color=INK, linewidth=1.4)
    axes.plot([base + comparison["mean"]], [row], "D", color=INK, markersize=5)


def _values(configuration: dict[str, Any], metric: str) -> list[float]:
    return [run[metric] for run in configuration["runs"] if run.get(metric) is not None]
