"""What the figures have in common: their axes, colours and smooth lines."""

import math
from typing import Any

WINDOW = 0.02  # the smooth line is a running mean over this share of the steps
INK, PALE, SECOND, SECOND_PALE = "#1f4e8c", "#b7cbe6", "#b3541e", "#ecc9b3"


def axes_of(title: str, ylabel: str) -> tuple[Any, Any]:
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


def curve(axes: Any, steps: list[dict[str, Any]], key: str, label: str, ink: str, pale: str) -> None:
    rows = [(record["step"], record[key]) for record in steps if record.get(key) is not None]
    if not rows:
        return
    x, y = [row[0] for row in rows], [row[1] for row in rows]
    axes.plot(x, y, color=pale, linewidth=0.7)
    axes.plot(x, smoothed(y), color=ink, linewidth=1.6, label=label)


def points(axes: Any, evaluations: list[dict[str, Any]], key: str, label: str, ink: str) -> None:
    rows = [(record["step"], record["held_out"][key]) for record in evaluations if key in record["held_out"]]
    if rows:
        axes.plot(*zip(*rows), "o-", color=ink, markersize=4, linewidth=0.8, markerfacecolor="white", label=label)
