"""Attention weights head by head, and hidden states layer by layer, of one text."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, PowerNorm
from matplotlib.ticker import NullLocator

from albert_np.plots.axes import AS_TEXT, Figure, format_name

TOKEN_COLUMNS = 14  # of a token's name; of a longer one the middle is left out
SMALLEST, LARGEST = 1.5, 6.0  # inches of a matrix
WIDEST = 36.0  # inches of all matrices in a row
CELL = 0.118  # inches of a row with a readable name
LEAST_POINTS, MOST_POINTS = 4.5, 8.0  # font sizes of tokens
GAP, TITLE, HEADER = 0.12, 0.3, 0.75  # inches
MOST_IN_A_ROW = 7  # matrices of hidden states
COSINE: dict[str, Any] = {"cmap": "RdBu", "vmin": -1, "vmax": 1}


def attention_figure(
    weights: np.ndarray, tokens: Sequence[str], row_names: Sequence[str], captions: Sequence[Sequence[str]] | None = None,
    title: str = "",
) -> Figure:  # fmt: skip
    """Return a matrix for each head: a row of matrices for each block, the tokens at the left and at the bottom.

    weights     (blocks, A, T, T), row t of a matrix is the distribution over the tokens that token t attends to
    row_names   of the blocks; captions: a short text above each matrix
    """
    blocks, A, T, _ = weights.shape
    side, points, step = choose_size(T, A)
    margin, large = name_width(tokens, points), enlarge(side)
    title_height = TITLE * large
    width = margin + 0.45 * large + A * (side + GAP) + 0.75
    height = HEADER * large + blocks * (side + GAP + title_height) + margin + 0.1
    figure = Figure(figsize=(width, height))
    reading = "Row: the token that attends. Column: the token attended to. A row adds up to 1 over all tokens."
    write_header(figure, title, reading, large)
    image: Any = None
    for b in range(blocks):
        bottom = height - HEADER * large - (b + 1) * (side + GAP + title_height) + GAP
        for a in range(A):
            axes = add_axes(figure, margin + 0.45 * large + a * (side + GAP), bottom, side, side)
            image = axes.imshow(weights[b, a], cmap="Blues", norm=PowerNorm(0.5, 0, 1), aspect="auto", interpolation="nearest")
            caption = f"{a + 1}" if captions is None else f"{a + 1}  {captions[b][a]}"
            axes.set_title(caption, loc="left", fontsize=8 * large, pad=3, **AS_TEXT)
            name_rows(axes, tokens if a == 0 else (), points, step)
            name_columns(axes, tokens if b == blocks - 1 else (), points, step)
        axes = figure.axes[b * A]
        axes.set_ylabel(row_names[b], fontsize=10 * large, fontweight="bold", labelpad=6)
    bar = add_axes(figure, width - 0.6, height - HEADER * large - title_height - min(side, 3.0), 0.12, min(side, 3.0))
    figure.colorbar(image, cax=bar, ticks=[0, 0.05, 0.25, 0.5, 1])
    bar.set_yticks([0, 0.05, 0.25, 0.5, 1], ["0", ".05", ".25", ".5", "1"], fontsize=7)
    return figure


def hidden_figure(
    norms: np.ndarray, between_layers: np.ndarray, between_tokens: np.ndarray, tokens: Sequence[str], title: str = ""
) -> Figure:
    """Return three views of the hidden states: lengths, how far each layer turns each token, and the similarity of tokens.

    norms           (L + 1, T)      lengths of the vectors, the embeddings first
    between_layers  (L, T)          cosine between a token's vectors before and after each layer
    between_tokens  (L + 1, T, T)   cosine between the vectors of every two tokens
    """
    L, T = between_layers.shape
    columns = min(L + 1, MOST_IN_A_ROW)
    side, points, step = choose_size(T, columns)
    side = max(side, 1.9)
    large = enlarge(side)
    header, title_height = HEADER * large, TITLE * large
    margin, row = name_width(tokens, points), 0.24 * large  # inches of a name, and of a layer in the two tables
    table = max(min(T * 0.24, side * columns), 3.4)  # inches: the width of a table
    left, bar = max(margin, 0.75) + 0.15, 0.85
    matrices = columns * (side + GAP)
    beside = 2 * table + 1.4 + bar <= max(matrices + bar, 9.0)  # one table beside the other
    width = left + max(2 * table + 1.4 + bar if beside else table + bar, matrices + bar)
    rows = math.ceil((L + 1) / columns)
    tables = (L + 1) * row + title_height if beside else (2 * L + 1) * row + 2 * (TITLE + GAP)
    height = header + tables + margin + 0.55 + rows * (side + GAP + title_height) + margin - 0.25
    figure = Figure(figsize=(width, height))
    write_header(figure, title, "Hidden states: the embeddings (0) and the output of each layer.", large)
    names, top, x = [str(l) for l in range(L + 1)], height - header - 0.1, left
    lengths: Any = dict(cmap="viridis", norm=LogNorm(max(norms.min(), 1e-3 * norms.max()), norms.max()))
    draw_table(figure, (x, top, table, row, large), norms, "Length of each token's vector", names, lengths)
    name_columns(figure.axes[-2], tokens if beside else (), points, step)
    if beside:
        x += table + 1.4
    else:
        top -= (L + 1) * row + title_height + GAP
    caption = "Cosine of a token's vectors before and after a layer"
    draw_table(figure, (x, top, table, row, large), between_layers, caption, names[1:], COSINE)
    name_columns(figure.axes[-2], tokens, points, step)
    top = height - header - tables - margin - 0.55
    figure.text(left / width, (top + title_height) / height, "Cosine of every two tokens' vectors", fontsize=9 * large)
    for l in range(L + 1):
        r, c = divmod(l, columns)
        bottom = top - r * (side + GAP + title_height) - side
        axes = add_axes(figure, left + c * (side + GAP), bottom, side, side)
        image = axes.imshow(between_tokens[l], aspect="auto", interpolation="nearest", **COSINE)
        axes.set_title("embeddings" if l == 0 else f"layer {l}", loc="left", fontsize=8 * large, pad=3)
        name_rows(axes, tokens if c == 0 else (), points, step)
        name_columns(axes, tokens if l + columns > L else (), points, step)
    add_bar(figure, image, left + matrices + 0.05, top - side, side)
    return figure


def draw_table(
    figure: Figure, place: Sequence[float], values: np.ndarray, caption: str, layers: Sequence[str], style: dict[str, Any]
) -> None:
    """Draw a table with a row for each layer, and its bar of colours. place: left, top, width and height of a row
    in inches, and the factor of the fonts"""
    left, top, width, row, large = place
    height = len(values) * row
    axes = add_axes(figure, left, top - height, width, height)
    image = axes.imshow(values, aspect="auto", interpolation="nearest", **style)
    axes.set_title(caption, loc="left", fontsize=9 * large, pad=4)
    axes.set_yticks(range(len(values)), layers, fontsize=7 * large)
    axes.set_ylabel("layer", fontsize=8 * large)
    add_bar(figure, image, left + width + 0.12, top - height, height)


# ---- sizes and names, in inches and points ----


def choose_size(T: int, columns: int) -> tuple[float, float, int]:
    """Return the side of a matrix in inches, the font size of the tokens, and which of them are named: every step-th.

    >>> choose_size(10, 6)[2], choose_size(512, 12)[2] > 1
    (1, True)
    """
    side = min(max(T * CELL, SMALLEST), max(LARGEST, 64 * CELL), WIDEST / columns)
    cell = side / T * 72  # points
    step = max(1, math.ceil(LEAST_POINTS / cell))
    return side, min(MOST_POINTS, max(LEAST_POINTS, 0.82 * cell * step)), step


def name_width(tokens: Sequence[str], points: float) -> float:
    """Return the inches that the longest name takes."""
    return max(len(short_name(token)) for token in tokens) * points * 0.64 / 72 + 0.12


def short_name(token: str) -> str:
    return format_name(token, TOKEN_COLUMNS)


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Return axes at a place in inches."""
    w, h = figure.get_size_inches()
    axes: Axes = figure.add_axes((left / w, bottom / h, width / w, height / h))
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set(color="0.75", linewidth=0.6)
    return axes


def add_bar(figure: Figure, image: Any, left: float, bottom: float, height: float) -> None:
    """Draw the bar of colours of an image at a place in inches."""
    bar = figure.colorbar(image, cax=add_axes(figure, left, bottom, 0.12, height))
    bar.ax.tick_params(labelsize=7)
    bar.ax.tick_params(which="minor", labelsize=6)
    if isinstance(image.norm, LogNorm):
        low, high = float(image.norm.vmin or 0), float(image.norm.vmax or 0)
        ticks = [value for value in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000) if low <= value <= high] or [low]
        bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
        bar.ax.yaxis.set_minor_locator(NullLocator())


def enlarge(side: float) -> float:
    """Return the factor of the fonts of captions: large matrices are looked at from farther away."""
    return min(max(side / 3, 1.0), 2.4)


def write_header(figure: Figure, title: str, caption: str, large: float = 1.0) -> None:
    """Write a title and a line on how to read the figure."""
    width, height = figure.get_size_inches()
    name = format_name(title, max(20, int(width * 8 / large)))
    figure.text(0.15 / width, 1 - 0.27 * large / height, name, fontsize=12 * large, fontweight="bold", **AS_TEXT)
    figure.text(0.15 / width, 1 - 0.48 * large / height, caption, fontsize=8.5 * large, color="0.35")


def name_rows(axes: Axes, tokens: Sequence[str], points: float, step: int) -> None:
    shown = range(0, len(tokens), step)
    axes.set_yticks(shown, [short_name(tokens[i]) for i in shown], fontsize=points, **AS_TEXT)


def name_columns(axes: Axes, tokens: Sequence[str], points: float, step: int) -> None:
    shown = range(0, len(tokens), step)
    axes.set_xticks(shown, [short_name(tokens[i]) for i in shown], fontsize=points, rotation=90, **AS_TEXT)
