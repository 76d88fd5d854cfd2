"""A map of texts: their vectors projected onto two dimensions."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from albert_np.plots.axes import AS_TEXT, INK, Figure, count_columns, cut_to_width, format_name, plain_legend, style_axes

MAX_NAMED = 60  # points whose texts are written beside them
MAX_TRIED = 500  # texts for which room is searched
COLOURS = (0, 1, 2, 3, 4, 5, 6, 8, 9, 7)  # of tab10; its grey is the last one, since other labels share a grey
MAX_COLOURS = len(COLOURS)  # labels with a colour of their own; with more, the rarest share a grey
FEWEST_NUMBERS = 6  # different numbers, from which on labels are a scale
TEXT_WIDTH = 32  # columns of a text; of a longer one the beginning is shown
GAP = 4  # points between a dot and its text
RADIUS = 4  # pixels around a dot that no text covers
SIDES = ((1, 0, "left", "center"), (-1, 0, "right", "center"), (0, 1, "center", "bottom"), (0, -1, "center", "top"))
OTHERS, UNLABELLED = "others", "no label"


def map_figure(
    points: np.ndarray, shares: Sequence[float] | np.ndarray, texts: Sequence[str], labels: Sequence[str | None] | None = None,
    label_name: str | None = None,
) -> Figure:  # fmt: skip
    """Return the map of n texts, which stand beside their points as far as there is room, without covering each other.

    points       (n, 2), n >= 1; both axes have the same scale, so distances can be compared
    shares       of the variance that each axis shows
    labels       of the texts, for their colours: names, or numbers if all are numbers and differ enough. label_name: their name
    """
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{len(texts):,} texts, projected by PCA", loc="left")
    for set_name, ordinal, share in ((axes.set_xlabel, "first", shares[0]), (axes.set_ylabel, "second", shares[1])):
        set_name(f"{ordinal} principal component ({share:.0%} of the variance)")
    style_axes(axes)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    if labels is None:
        axes.plot(*points.T, "o", color=INK, markersize=marker_size(len(points)), alpha=0.8, markeredgewidth=0)
    elif numbers := as_scale(labels):
        x, y = points.T
        dots = axes.scatter(x, y, s=marker_size(len(points)) ** 2, c=numbers, cmap="viridis", linewidths=0, alpha=0.9)
        figure.colorbar(dots, shrink=0.8).set_label(format_name(label_name or "label"), **AS_TEXT)
    else:
        plot_groups(axes, points, labels)
        legend = figure.legend(
            frameon=False, loc="outside lower center", ncols=4, fontsize="small", title=format_name(label_name or "label")
        )
        plain_legend(legend)
        legend.get_title().set_parse_math(False)
    write_names(figure, axes, points, texts)
    return figure


def marker_size(n: int) -> float:
    return 6.0 if n <= 100 else 4.0 if n <= 1000 else 2.5


def as_scale(labels: Sequence[str | None]) -> list[float]:
    """Return labels as numbers (NaN without one) if all are numbers and at least `FEWEST_NUMBERS` differ, else []."""
    try:
        numbers = [float("nan") if label is None else float(label) for label in labels]
    except ValueError:
        return []
    different = {number for number in numbers if np.isfinite(number)}
    return numbers if len(different) >= FEWEST_NUMBERS else []


def plot_groups(axes: Axes, points: np.ndarray, labels: Sequence[str | None]) -> None:
    """Plot the points of each label in a colour of its own."""
    names = [UNLABELLED if label is None else label for label in labels]
    counts = Counter(names)
    own = [name for name, _ in counts.most_common() if name != UNLABELLED]
    if len(own) > MAX_COLOURS:
        own = own[: MAX_COLOURS - 1]
    rest = [name for name in counts if name not in own and name != UNLABELLED]
    groups: list[tuple[str, set[str], Any]] = [(name, {name}, colormaps["tab10"](i)) for i, name in zip(COLOURS, sorted(own))]
    if rest:
        groups.append((f"{len(rest)} {OTHERS}", set(rest), "0.6"))
    if UNLABELLED in counts:
        groups.append((UNLABELLED, {UNLABELLED}, "0.8"))
    for title, members, colour in groups:
        chosen = points[[name in members for name in names]]
        style: Any = dict(color=colour, markersize=marker_size(len(points)), alpha=0.85, markeredgewidth=0)
        axes.plot(*chosen.T, "o", label=f"{format_name(title)} ({len(chosen):,})", **style)


def write_names(figure: Figure, axes: Axes, points: np.ndarray, texts: Sequence[str]) -> None:
    """Write texts beside their points, in their order, each on a side where it covers no other text and stays within the axes."""
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # the layout is final, so texts can be measured
    renderer: Any = canvas.get_renderer()
    dots = axes.transData.transform(points)  # (n, 2) pixels
    frame, taken = axes.get_window_extent(renderer), np.empty((0, 4))
    for i, text in enumerate(texts[:MAX_TRIED]):
        if len(taken) == MAX_NAMED:
            break
        name = axes.annotate(
            shorten(text), points[i], (0, 0), textcoords="offset points", fontsize="x-small", color="0.25", **AS_TEXT
        )
        name.set_in_layout(False)
        for x, y, horizontal, vertical in SIDES:
            name.set(position=(GAP * x, GAP * y), ha=horizontal, va=vertical)
            box = name.get_window_extent(renderer)
            if fits(box, frame, taken, np.delete(dots, i, axis=0)):
                taken = np.vstack([taken, box.extents])
                break
        else:
            name.remove()


def shorten(text: str) -> str:
    """Return the beginning of a text, on one line."""
    line = format_name(text, len(text) * 2 + len("(no name)"))
    return line if count_columns(line) <= TEXT_WIDTH else cut_to_width(line, TEXT_WIDTH - 1).rstrip() + "…"


def fits(box: Bbox, frame: Bbox, taken: np.ndarray, dots: np.ndarray) -> bool:
    """Return whether a text's box is within the frame and covers none of the boxes (k, 4) and dots (n, 2)."""
    left, low, right, high = box.extents
    if left < frame.x0 or right > frame.x1 or low < frame.y0 or high > frame.y1:
        return False
    covers = (taken[:, 0] < right) & (taken[:, 2] > left) & (taken[:, 1] < high) & (taken[:, 3] > low)
    near = np.abs(dots - [(left + right) / 2, (low + high) / 2]) < [(right - left) / 2 + RADIUS, (high - low) / 2 + RADIUS]
    return not covers.any() and not near.all(axis=1).any()
