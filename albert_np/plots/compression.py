"""The figures of compression: what it costs in accuracy, where the zeros are, and what each head is worth."""

from functools import partial
from pathlib import Path
from typing import Any

from albert_np.io.files import write_whole
from albert_np.plots.axes import INK, SECOND, axes_of

COLOURS = {
    "one-shot": "0.55", "gradual": INK, "movement": "#3f8f8f", "rounded": SECOND, "aware": "#d89a2b", "cut": "#6a4c93",
    "factored": "#7a9e3a", "together": "#111111",
}  # fmt: skip
ROOM = 1.08


def draw_sweep(folder: Path, found: dict[str, Any]) -> list[Path]:
    """Write size.png, time.png, zeros.png and heads.png of a sweep (see `tasks.sweep.run`) -> their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "size": _against(found, lambda row, dense: row["bytes"] / 1e6, "megabytes of model.safetensors", log=True),
        "time": _against(found, lambda row, dense: 1 / row["faster"], "time, as a share of the dense model's"),
        "zeros": _zeros(found["zeros"], found["outputs"]),
        "heads": _heads(found["heads"], found["neurons"]),
    }
    paths = []
    for name, figure in figures.items():
        if figure is not None:
            paths.append(folder / f"{name}.png")
            write_whole(paths[-1], partial(figure.savefig, format="png", dpi=120))
    return paths


def _against(found: dict[str, Any], place: Any, label: str, log: bool = False) -> Any:
    """The scores of all ways over their size or time; each family a line."""
    figure, axes = axes_of("Accuracy against " + ("size" if log else "time"), found["metric"])
    figure.set_size_inches(8, 4.8)
    axes.set_xlabel(label)
    dense = found["rows"][0]
    named: list[tuple[float, float, str, str]] = []
    for family in dict.fromkeys(row["family"] for row in found["rows"][1:]):
        rows = sorted((row for row in found["rows"] if row["family"] == family), key=lambda row: place(row, dense))
        x, y = [place(row, dense) for row in rows], [row["score"] for row in rows]
        line = "-" if family in ("one-shot", "gradual", "movement", "cut", "factored") else ""
        axes.plot(x, y, "o" + line, color=COLOURS[family], markersize=5, linewidth=1.2, label=family)
        named += [(at, score, row["name"], COLOURS[family]) for row, at, score in zip(rows, x, y)]
    axes.axhline(dense["score"], color="0.3", linestyle="--", linewidth=1, label="dense")
    axes.plot([place(dense, dense)], [dense["score"]], "s", color="0.3", markersize=5)
    if log:
        from matplotlib.ticker import NullFormatter, ScalarFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks([t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if _within(t, axes.get_xlim())])
    figure.legend(frameon=False, loc="outside lower center", ncols=5, fontsize="small")
    _name(axes, named)
    return figure


def _name(axes: Any, points: list[tuple[float, float, str, str]]) -> None:
    """Write each point's name beside it, unless one is written there already."""
    taken: list[tuple[float, float]] = []
    for x, y, name, colour in points:
        right, up = axes.transData.transform((x, y))
        if all(abs(right - a) > 45 or abs(up - b) > 9 for a, b in taken):
            taken.append((right, up))
            axes.annotate(name, (x, y), textcoords="offset points", xytext=(4, 4), fontsize=6.5, color=colour)


def _within(x: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= x <= limits[1]


def _zeros(shares: dict[str, dict[str, Any]], outputs: dict[str, list[float]]) -> Any:
    """The share of zeros of each matrix in the two scopes; and of the global one, how unevenly a matrix's outputs are hit."""
    from matplotlib.figure import Figure

    names = list(next(iter(shares.values())))
    short = {name: name.replace("groups.0.blocks.0.", "") for name in names}
    figure = Figure(figsize=(11, 0.3 * len(names) + 2.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for axes, title in ((left, "Where the zeros are, at 80 %"), (right, "... and within a matrix, global scope")):
        axes.set_title(title, loc="left", fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    for k, (scope, counts) in enumerate(shares.items()):
        at = [i + (k - 0.5) * 0.4 for i in range(len(names))]
        left.barh(at, [counts[name] for name in names], 0.36, color=(INK, SECOND)[k], label=f"scope: {scope}")
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
    if len(names) < 14:
        right.legend(frameon=False, fontsize="xx-small")
    return figure


def _heads(heads: dict[str, list[float]], neurons: dict[str, list[float]]) -> Any:
    """What each head is worth, a bar each; and the neurons by rank."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, title in ((left, "What each head is worth"), (right, "What each neuron is worth, by rank")):
        axes.set_title(title, loc="left", fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_ylabel("mean |∂loss/∂ξ|")
    several = len(heads) > 1
    for k, (name, worth) in enumerate(heads.items()):
        at = [i + (k - (len(heads) - 1) / 2) * 0.8 / len(heads) for i in range(len(worth))]
        left.bar(at, worth, 0.72 / len(heads), label=name if several else None, color=None if several else INK)
    left.set_xlabel("head")
    left.set_xticks(range(max(map(len, heads.values()))))
    left.set_ylim(top=ROOM * max(max(worth) for worth in heads.values()))
    for name, worth in neurons.items():
        right.plot(sorted(worth, reverse=True), label=name if several else None, color=None if several else INK)
    right.set_xlabel("neuron")
    right.set_ylim(bottom=0)
    if several:
        left.legend(frameon=False, fontsize="x-small")
    return figure
