"""Figures of a compression sweep: accuracy against size and time, where the zeros are, how important each head is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

from albert_np.plots.axes import AS_TEXT, INK, SECOND, Figure, Record, format_name, style_axes

COLOURS = {
    "one-shot": "0.55", "gradual": INK, "movement": "#3f8f8f", "rounded": SECOND, "aware": "#d89a2b", "cut": "#6a4c93",
    "factored": "#7a9e3a", "together": "#111111",
}  # fmt: skip
CONNECTED = ("one-shot", "gradual", "movement", "cut", "factored")  # families whose points differ in one amount: a line
MEGABYTE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
HEADROOM = 1.08
MAX_BARS = 72  # matrices whose zeros are shown; a model with few shared layers has hundreds
MAX_LEGEND = 13  # entries


def compression_figures(results: dict[str, Any]) -> dict[str, Figure]:
    """Return {"size", "time", "zeros", "heads": figure}.   results: as in a sweep's sweep.json, with the keys

    metric           the name of the score; higher_is_better: by default True
    rows             the dense model and its variants: family, name, score, bytes, faster (its speed, the dense model's being 1)
    zeros            {scope of pruning: {matrix: share of zeros}}
    outputs          {matrix: percentiles 0, 1, ..., 100 of the share of zeros in the weights of an output}
    heads, neurons   {block: importance of each}
    """
    size, size_axes = _draw_scores(results, "size", lambda row: row["bytes"] / 1e6, "megabytes of model.safetensors")
    _use_log_scale(size_axes)
    _label_points(size_axes, results, lambda row: row["bytes"] / 1e6)
    time, time_axes = _draw_scores(results, "time", lambda row: 1 / row["faster"], "time, as a share of the dense model's")
    _label_points(time_axes, results, lambda row: 1 / row["faster"])
    return {
        "size": size,
        "time": time,
        "zeros": _draw_zeros(results["zeros"], results["outputs"]),
        "heads": _draw_importance(results["heads"], results["neurons"]),
    }


def _families(results: dict[str, Any], x: Callable[[Record], float]) -> dict[str, list[Record]]:
    """Return the rows of each family of methods, ordered by x. The first row of all is the dense model."""
    names = dict.fromkeys(row["family"] for row in results["rows"][1:])
    return {name: sorted((row for row in results["rows"] if row["family"] == name), key=x) for name in names}


def _draw_scores(results: dict[str, Any], against: str, x: Callable[[Record], float], label: str) -> tuple[Figure, Axes]:
    """Draw the scores of all methods over their size or time, one colour per family."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"Score against {against}", loc="left")
    axes.set_xlabel(label)
    lower = "" if results.get("higher_is_better", True) else " (lower is better)"
    axes.set_ylabel(format_name(results["metric"]) + lower, **AS_TEXT)
    style_axes(axes)
    for family, rows in _families(results, x).items():
        line = "-" if family in CONNECTED else ""
        axes.plot(
            [x(row) for row in rows], [row["score"] for row in rows], "o" + line, color=COLOURS[family], markersize=5,
            linewidth=1.2, label=family,
        )  # fmt: skip
    dense = results["rows"][0]
    axes.axhline(dense["score"], color="0.3", linestyle="--", linewidth=1, label="dense")
    axes.plot([x(dense)], [dense["score"]], "s", color="0.3", markersize=5)
    figure.legend(frameon=False, loc="outside lower center", ncols=5, fontsize="small")
    return figure, axes


def _use_log_scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in MEGABYTE_TICKS if low <= tick <= high])


def _label_points(axes: Axes, results: dict[str, Any], x: Callable[[Record], float]) -> None:
    """Write each method's name beside its point, unless a label is too close already."""
    taken: list[tuple[float, float]] = []
    for family, rows in _families(results, x).items():
        for row in rows:
            point = x(row), row["score"]
            right, up = axes.transData.transform(point)
            if all(abs(right - a) > 45 or abs(up - b) > 9 for a, b in taken):
                taken.append((right, up))
                style: dict[str, Any] = {"fontsize": 6.5, "color": COLOURS[family], **AS_TEXT}
                axes.annotate(row["name"], point, textcoords="offset points", xytext=(4, 4), **style)


def _make_panels(titles: tuple[str, str], size: tuple[float, float], width_ratios: tuple[float, float]) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, 2, width_ratios=width_ratios)
    for axes, title in zip(panels, titles):
        axes.set_title(title, loc="left", fontsize="medium")
        style_axes(axes)
    return figure, panels


def _draw_zeros(shares: Mapping[str, Mapping[str, float]], outputs: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the share of zeros per matrix in both pruning scopes; and, for the global scope, how it varies between outputs."""
    every = list(next(iter(shares.values())))
    names = every[:MAX_BARS]
    short = {name: name.replace("groups.0.blocks.0.", "") for name in every}
    some = f", the first {len(names)} of {len(every)} matrices" if len(every) > len(names) else ""
    titles = f"Where the zeros are, at 80 %{some}", "... and within a matrix, global scope"
    figure, (left, right) = _make_panels(titles, (11, 0.3 * len(names) + 2.2), (3, 2))
    for k, (scope, values) in enumerate(shares.items()):
        y = [i + (k - 0.5) * 0.4 for i in range(len(names))]
        left.barh(y, [values[name] for name in names], 0.36, color=(INK, SECOND)[k], label=f"scope: {scope}")
    left.set_yticks(range(len(names)), [short[name] for name in names], fontsize="small")
    left.invert_yaxis()
    left.set_xlim(0, 1)
    left.set_xlabel("share of zeros")
    left.legend(fontsize="small", loc="lower left")
    for name, percentiles in outputs.items():
        right.plot(range(101), percentiles, linewidth=1.2, label=short[name])
    right.set_xlabel("outputs, by rank (%)")
    right.set_ylabel("share of zeros in an output's weights")
    right.set_ylim(0, 1.02)
    if len(outputs) <= MAX_LEGEND:
        right.legend(frameon=False, fontsize="xx-small")
    return figure


def _draw_importance(heads: Mapping[str, Sequence[float]], neurons: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the importance of each head as a bar, and that of the feed-forward neurons by rank; one colour per block."""
    figure, (left, right) = _make_panels(("Importance of each head", "Importance of each neuron, by rank"), (9, 3.8), (1, 1))
    for axes in (left, right):
        axes.set_ylabel("mean |∂loss/∂ξ|")
    several = len(heads) > 1
    for k, (name, values) in enumerate(heads.items()):
        x = [i + (k - (len(heads) - 1) / 2) * 0.8 / len(heads) for i in range(len(values))]
        left.bar(x, values, 0.72 / len(heads), label=name if several else None, color=None if several else INK)
    left.set_xlabel("head")
    left.set_xticks(range(max(map(len, heads.values()))))
    left.set_ylim(top=HEADROOM * max(max(values) for values in heads.values()))
    for name, values in neurons.items():
        right.plot(sorted(values, reverse=True), label=name if several else None, color=None if several else INK)
    right.set_xlabel("neuron")
    right.set_ylim(bottom=0)
    if several and len(heads) <= MAX_LEGEND:
        left.legend(frameon=False, fontsize="x-small")
    return figure
