"""The style that the figures share: axes, colours and smoothed curves."""

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib.figure
from matplotlib.axes import Axes

WINDOW = 0.02  # the running mean covers this share of the steps
INK, PALE, SECOND, SECOND_PALE = "#1f4e8c", "#b7cbe6", "#b3541e", "#ecc9b3"

Record = dict[str, Any]


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows when it is the result of a cell."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def make_axes(title: str, ylabel: str) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes whose x axis is the training step."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    axes.set_xlabel("step")
    axes.set_ylabel(ylabel)
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Add a light grid and remove the top and right spines."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def running_mean(values: Sequence[float]) -> list[float]:
    """Return the mean over a window that ends at each value; the first windows are shorter."""
    width, total, means = max(1, math.ceil(len(values) * WINDOW)), 0.0, []
    for i, value in enumerate(values):
        total += value - (values[i - width] if i >= width else 0.0)
        means.append(total / min(width, i + 1))
    return means


def plot_curve(axes: Axes, steps: Sequence[Record], key: str, label: str, ink: str, pale: str) -> None:
    """Plot a value of every step: pale as measured, and its running mean. Steps without the value are left out."""
    rows = [(record["step"], record[key]) for record in steps if record.get(key) is not None]
    if not rows:
        return
    x, y = [row[0] for row in rows], [row[1] for row in rows]
    axes.plot(x, y, color=pale, linewidth=0.7)
    axes.plot(x, running_mean(y), color=ink, linewidth=1.6, label=label)


def plot_evaluations(axes: Axes, evaluations: Sequence[Record], key: str, label: str, ink: str) -> None:
    """Plot a held-out value as connected circles."""
    rows = [(record["step"], record["held_out"][key]) for record in evaluations if key in record["held_out"]]
    if rows:
        axes.plot(*zip(*rows), "o-", color=ink, markersize=4, linewidth=0.8, markerfacecolor="white", label=label)
