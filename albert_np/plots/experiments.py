"""The figure of a sweep: a panel for each figure that is compared, a row for each configuration."""

import statistics
from functools import partial
from pathlib import Path
from typing import Any

from albert_np.io.files import write_whole
from albert_np.plots.axes import INK, PALE, SECOND

MOST_PANELS = 3
PANEL, ROW = (4.2, 0.36)  # inches


def draw_experiments(path: Path, results: dict[str, Any], name_of: Any = str) -> Path | None:
    """Write the picture of what `experiments.results.collected` found -> its path; None if there is nothing to show.

    A pale dot a seed, a line from one standard deviation below the mean to one above it, the first configuration's mean dashed.
    """
    rows = [each for each in results["configurations"] if each["runs"]]
    shown = panels(results["metrics"])
    if not rows or not shown:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, partial(figure_of(results, rows, shown, name_of).savefig, format="png", dpi=120))
    return path


def panels(metrics: list[str]) -> list[str]:
    """What is shown: losses first, then how sentences fare; accuracies of pieces say what the losses say."""
    chosen = [key for key in metrics if not key.startswith("mlm_accuracy")]
    return chosen[:MOST_PANELS]


def figure_of(results: dict[str, Any], rows: list[dict[str, Any]], shown: list[str], name_of: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 + PANEL * len(shown), 1.3 + ROW * len(rows)), layout="constrained")
    figure.suptitle(results["title"], x=0.01, ha="left", fontsize="medium")
    for axes, metric in zip(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown):
        axes.set_xlabel(name_of(metric) + (" (held out, nats)" if "loss" in metric else ""))
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        for at, each in enumerate(rows):
            values = [run[metric] for run in each["runs"] if run.get(metric) is not None]
            if not values:
                continue
            mean = statistics.fmean(values)
            axes.plot(values, [at] * len(values), "o", color=PALE, markersize=5)
            if len(values) > 1:
                spread = statistics.stdev(values)
                axes.plot([mean - spread, mean + spread], [at, at], color=INK, linewidth=1.4)
            axes.plot([mean], [at], "D", color=SECOND if at == 0 else INK, markersize=5)
            if at == 0:
                axes.axvline(mean, color=SECOND, linestyle="--", linewidth=0.9)
        axes.set_yticks(range(len(rows)), [each["name"] for each in rows])
        axes.margins(x=0.08)
    axes.invert_yaxis()  # once for all of them: they share it
    return figure
