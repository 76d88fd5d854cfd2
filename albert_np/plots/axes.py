"""The style that the figures share: axes, colours and smoothed curves."""

import io
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import matplotlib.figure
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator

WINDOW = 0.02  # the running mean covers this share of the steps
INK, PALE, SECOND, SECOND_PALE = "#1f4e8c", "#b7cbe6", "#b3541e", "#ecc9b3"

NAME_WIDTH = 28  # columns of a name; a longer one is cut in the middle
AS_TEXT: Any = {"parse_math": False}  # for texts that users name: "$x_1$" is not a formula

Record = dict[str, Any]


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows when it is the result of a cell."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def format_name(name: str, width: int = NAME_WIDTH) -> str:
    """Return a name on one line of at most `width` columns, with an ellipsis in the place of its middle if it is longer.

    Invisible characters are left out, other unprintable ones become U+FFFD. matplotlib leaves names that begin with "_" out of
    legends, so such a name is given a blank in front.
    """
    visible = (c for c in " ".join(name.split()) if unicodedata.category(c) != "Cf")
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in visible) or "(no name)"
    if count_columns(text) > width:
        head, tail = cut_to_width(text, width - 1 - width // 3), cut_to_width(text[::-1], width // 3)[::-1]
        text = f"{head.rstrip()}…{tail.lstrip()}"
    return f" {text}" if text.startswith("_") else text


def count_columns(text: str) -> int:
    """Return the width of a text: 2 for each wide character, such as those of Chinese, 1 for any other."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut_to_width(text: str, width: int) -> str:
    """Return the longest beginning of a text that fits into `width` columns."""
    stop, used = 0, 0
    while stop < len(text) and (used := used + count_columns(text[stop])) <= width:
        stop += 1
    return text[:stop]


def plain_legend(legend: Legend) -> None:
    """Show the entries of a legend as they are, without reading formulas into them."""
    for text in legend.get_texts():
        text.set_parse_math(False)


def make_axes(title: str, ylabel: str) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes whose x axis is the training step."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.set_ylabel(ylabel)
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Add a light grid and remove the top and right spines."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def start_at_zero(axes: Axes) -> None:
    """Let the y axis begin at 0, and leave room above the highest line, however flat it is."""
    axes.update_datalim([(axes.dataLim.x0, 0)], updatex=False)
    axes.autoscale_view(scalex=False)
    axes.set_ylim(bottom=0)


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
    draw_line(axes, x, running_mean(y), color=ink, label=label)


def draw_line(axes: Axes, x: Sequence[float], y: Sequence[float], **style: Any) -> None:
    """Plot a line or, of a single step, a point."""
    axes.plot(x, y, linewidth=1.6, marker="o" if len(x) == 1 else None, markersize=4, **style)


def plot_evaluations(axes: Axes, evaluations: Sequence[Record], key: str, label: str, ink: str) -> None:
    """Plot a held-out value as connected circles."""
    rows = [(record["step"], record["held_out"][key]) for record in evaluations if key in record["held_out"]]
    if rows:
        axes.plot(*zip(*rows), "o-", color=ink, markersize=4, linewidth=0.8, markerfacecolor="white", label=label)
