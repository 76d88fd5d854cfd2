"""Draw a data flow: the forward pass down the left side, the backward pass up the right side, caches across.

A drawing is data (`Flow`). All lengths are inches, y runs downwards. flows.py has the drawings of the course.
"""

import functools
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from notebook_tools import INK, SECOND

WIDTH = 5.6  # of every drawing, so that the text has one size in all of them
FORWARD, BACKWARD = 1.21, WIDTH - 1.21  # the middle of each side
LEFT, RIGHT = (0.06, 2.36), (WIDTH - 2.36, WIDTH - 0.06)  # the edges of the grounds of both sides
DPI = 120
TEXT, SMALL = 9.0, 8.5  # points
LINE, PAD, PILL, GAP = (
    0.162,
    0.075,
    0.19,
    0.06,
)  # a line's height, a box's padding, a pill's height, the gap between pills
SUM = 0.1  # radius
HEAD, HALF_HEAD = 0.085, 0.04  # length and half the width of an arrow's head
GREY, EDGE, PARAMETER = "#4d4d4d", "#51637a", "#6f4593"
COLOURS = {
    "forward": INK,
    "backward": SECOND,
    "cache": GREY,
    "parameter": PARAMETER,
    "gradient": SECOND,
}
# a box has the colour of its operation in every drawing, and so has the ground of the drawing that shows its inside
FILLS = {
    "linear": "#dbe7f6", "softmax": "#eadff4", "dropout": "#e6e6e6", "layer_norm": "#d9eeda", "gelu": "#fcefc4",
    "tanh": "#f6f3c4", "embedding": "#f9e0e6", "gather": "#efe5d6", "cross_entropy": "#f7d9d3", "attend": "#d3edef",
    "attention": "#bfe2e6", "add_norm": "#c8e6c9", "feed_forward": "#fbe3c8", "block": "#dfdcf2", "encoder": "#d0ccec",
    "fuse": "#eaf0cd", "fusion": "#dfe8b5", "embeddings": "#f6d3dc", "pooler": "#ead9c3", "mlm_head": "#d3e0d6",
    "order_head": "#e4dcc8", "model": "#eef1f5", "optimiser": "#eef0e6", "fake_quantise": "#e3e3ef", "encode": "#d0ccec",
    "translation": "#eef1f5",
}  # fmt: skip


class Label(NamedTuple):
    """The name of an array and its shape in letters: ("dx", "(N, H)"). Either may be empty."""

    name: str
    shape: str = ""


def label_of(text: str) -> Label:
    """Split "dx (N, H)" into name and shape; a line break splits a name that is too long for its place."""
    if "\n" in text:
        return Label(*text.split("\n"))
    name, bracket, shape = text.partition("(")
    return Label(name.strip(), bracket + shape)


@dataclass(frozen=True)
class Box:
    """One step: its lines of text, and below them its parameters or the gradients that it adds to.

    kind: "op"; "grad", a step that adds to a gradient; "sum"; "dot", where arrows part; or one label without an edge, in one
    line ("value") or two ("stack"); "pills" has parameters alone.
    """

    x: float
    y: float
    text: str = ""
    kind: str = "op"
    op: str = ""  # the operation that gives the box its colour; then the first line of the text is its name
    params: tuple[str, ...] = ()
    grads: tuple[str, ...] = ()
    width: float = 0.0  # 0: that of the text
    height: float = 0.0

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n") if self.text else []

    @property
    def pills(self) -> tuple[str, ...]:
        return (*self.params, *self.grads)

    @property
    def is_dot(self) -> bool:
        return self.kind == "dot"

    @property
    def pill_rows(self) -> list[list[str]]:
        """The pills, in as few rows as the width allows."""
        rows: list[list[str]] = []
        for text in self.pills:
            if (
                rows
                and row_of_pills([*rows[-1], text])
                <= (self.width or LEFT[1] - LEFT[0] - 2 * PAD) - 2 * GAP
            ):
                rows[-1].append(text)
            else:
                rows.append([text])
        return rows

    @property
    def content_height(self) -> float:
        return LINE * len(self.lines) + (PILL + 0.04) * len(self.pill_rows)

    @property
    def extent(self) -> "Extent":
        width, height = self.width, self.height
        if self.kind in ("sum", "dot"):
            width = height = 2 * SUM if self.kind == "sum" else 0.0
        elif self.kind in ("value", "stack"):
            label = label_of(self.text)
            texts = label if self.kind == "stack" else (" ".join(filter(None, label)),)
            width, height = max(text_width(text) for text in texts) + 0.06, 0.02 + LINE * len(texts)
        else:
            widths = [
                text_width(line, bold=bool(self.op) and i == 0) for i, line in enumerate(self.lines)
            ]
            width = width or max(*widths, *map(row_of_pills, self.pill_rows), 0.0) + 2 * PAD
            height = height or self.content_height + 2 * PAD - 0.02
        return Extent(
            self.x - width / 2, self.y - height / 2, self.x + width / 2, self.y + height / 2
        )


@dataclass(frozen=True)
class Arrow:
    """From the box `start` to the box `end`; kind: "forward", "backward"; dashed: "cache", "parameter"
    and "gradient" (one parameter that two operations use).

    lane: x of a vertical line along which the arrow passes other boxes. tail, tip: where it leaves and arrives, x of a vertical
    end, y of a horizontal one. side: of the label; shift: of the label, downwards.
    """

    start: str
    end: str
    label: str = ""
    kind: str = "forward"
    lane: float | None = None
    tail: float | None = None
    tip: float | None = None
    side: str = "right"
    shift: float = 0.0
    stacked: bool = False  # the label in two lines
    head: bool = True
    points: tuple[
        tuple[float, float], ...
    ] = ()  # its corners, if they are not found from the boxes


@dataclass(frozen=True)
class Frame:
    """The ground of an operation whose inside is drawn. direction: "forward" or "backward", the second line of its title."""

    left: float
    top: float
    right: float
    bottom: float
    op: str
    title: str
    direction: str = ""


@dataclass(frozen=True)
class Note:
    """A line of explanation. align: "left", "center" or "right" of x."""

    x: float
    y: float
    text: str
    kind: str = "cache"
    align: str = "left"


@dataclass(frozen=True)
class Grid:
    """A matrix of squares, the dark ones being 1, with a text for each row and column."""

    left: float
    top: float
    size: float
    cells: tuple[tuple[int, ...], ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Flow:
    height: float
    frames: tuple[Frame, ...]
    boxes: dict[str, Box]
    arrows: tuple[Arrow, ...]
    notes: tuple[Note, ...] = ()
    grids: tuple[Grid, ...] = ()


class Extent(NamedTuple):
    """The edges of a box."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        return (self.top + self.bottom) / 2


class Drawing:
    """A finished drawing: a picture in a notebook, its steps in a terminal."""

    def __init__(self, name: str, flow: Flow, dpi: int = DPI) -> None:
        self.name, self.flow, self.dpi = name, flow, dpi

    def figure(self) -> Any:
        """Return the drawing as a figure of matplotlib."""
        return paint(self.flow, self.dpi)

    def _repr_png_(self) -> bytes:
        from PIL import Image

        picture, file = io.BytesIO(), io.BytesIO()
        self.figure().savefig(picture, format="png")
        # with a palette the file is less than half as large
        small = Image.open(picture).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small.save(file, format="png", optimize=True)
        return file.getvalue()

    def __repr__(self) -> str:
        steps = (
            " ".join((*box.lines, *box.pills))
            for box in self.flow.boxes.values()
            if box.kind in ("op", "grad")
        )
        return f"Drawing of {self.name}: " + "; ".join(steps)


def paint(flow: Flow, dpi: int = DPI) -> Any:
    """Return the drawing as a figure. pyplot does not know it, so that a notebook does not show it twice."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, flow.height), dpi=dpi, facecolor="white", layout="none")
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(flow.height, 0))
    ax.axis("off")
    for frame in flow.frames:
        paint_frame(ax, frame)
    extents = {name: box.extent for name, box in flow.boxes.items()}
    for arrow in flow.arrows:
        paint_arrow(ax, arrow, extents)
    colours = {arrow.start: COLOURS[arrow.kind] for arrow in flow.arrows}
    for name, box in flow.boxes.items():
        paint_box(ax, box, colours.get(name, INK))
    for grid in flow.grids:
        paint_grid(ax, grid)
    for note in flow.notes:
        write(ax, note.x, note.y, note.text, SMALL, COLOURS[note.kind], note.align, style="italic")
    return figure


@functools.cache
def renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(8, 8, DPI)


@functools.cache
def text_width(text: str, size: float = TEXT, bold: bool = False) -> float:
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    return float(renderer().get_text_width_height_descent(text, font, False)[0]) / DPI


def pill_width(text: str) -> float:
    return text_width(text, SMALL) + 0.14


def row_of_pills(texts: Sequence[str]) -> float:
    return sum(map(pill_width, texts)) + GAP * (len(texts) - 1)


def write(
    ax: Any,
    x: float,
    y: float,
    text: str,
    size: float,
    colour: str,
    align: str = "center",
    **style: Any,
) -> None:
    ax.text(
        x,
        y,
        text,
        fontsize=size,
        color=colour,
        ha=align,
        va="center_baseline",
        family="DejaVu Sans",
        zorder=5,
        **style,
    )


def rectangle(
    ax: Any,
    extent: Iterable[float],
    fill: str,
    edge: str,
    radius: float,
    gid: str,
    zorder: float = 3,
) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, top, right, bottom = extent
    shape = f"round,pad=0,rounding_size={radius}"
    ax.add_patch(
        FancyBboxPatch(
            (left, top),
            right - left,
            bottom - top,
            shape,
            fc=fill,
            ec=edge,
            lw=0.9,
            gid=gid,
            zorder=zorder,
        )
    )


def paint_frame(ax: Any, frame: Frame) -> None:
    rectangle(
        ax,
        (frame.left, frame.top, frame.right, frame.bottom),
        FILLS[frame.op],
        EDGE,
        0.08,
        "frame",
        zorder=1,
    )
    write(
        ax, frame.left + 0.08, frame.top + 0.13, frame.title, TEXT, "black", "left", weight="bold"
    )
    write(ax, frame.left + 0.08, frame.top + 0.13 + LINE, frame.direction, SMALL, GREY, "left")


def paint_box(ax: Any, box: Box, colour: str) -> None:
    """colour: of the arrows that part at a dot."""
    extent = box.extent
    if box.kind == "dot":
        ax.plot([box.x], [box.y], "o", color=colour, markersize=4, zorder=4)
    elif box.kind == "sum":
        paint_sum(ax, box)
    elif box.kind in ("value", "stack"):
        paint_label(ax, extent.left + 0.03, box.y, label_of(box.text), "black", box.kind == "stack")
    elif box.kind == "pills":
        paint_pills(ax, box, extent.y - PILL / 2)
    else:
        rectangle(
            ax,
            extent,
            FILLS[box.op] if box.op else "white",
            SECOND if box.kind == "grad" else EDGE,
            0.045,
            "box",
        )
        y = extent.y - box.content_height / 2 + LINE / 2
        for i, line in enumerate(box.lines):
            write(
                ax,
                extent.x,
                y,
                line,
                TEXT,
                "black",
                weight="bold" if box.op and i == 0 else "normal",
            )
            y += LINE
        paint_pills(ax, box, y - LINE / 2 + 0.04)


def paint_sum(ax: Any, box: Box) -> None:
    from matplotlib.patches import Circle

    ax.add_patch(Circle((box.x, box.y), SUM, fc="white", ec="black", lw=0.9, zorder=3, gid="box"))
    for dx, dy in ((0.055, 0), (0, 0.055)):
        ax.plot([box.x - dx, box.x + dx], [box.y - dy, box.y + dy], color="black", lw=1.1, zorder=4)


def paint_pills(ax: Any, box: Box, top: float) -> None:
    for row in box.pill_rows:
        left = box.x - row_of_pills(row) / 2
        for text in row:
            right, colour = left + pill_width(text), SECOND if text in box.grads else PARAMETER
            rectangle(
                ax, (left, top, right, top + PILL), "white", colour, PILL / 2, "pill", zorder=4
            )
            write(ax, (left + right) / 2, top + PILL / 2, text, SMALL, colour)
            left = right + GAP
        top += PILL + 0.04


def paint_label(
    ax: Any, x: float, y: float, label: Label, colour: str, stacked: bool = False
) -> None:
    """Write a name and its shape, from x on, in one line or (centred) in two."""
    if stacked:
        middle = x + max(map(text_width, label)) / 2
        write(ax, middle, y - LINE / 2, label.name, TEXT, colour)
        write(ax, middle, y + LINE / 2, label.shape, SMALL, GREY)
        return
    if label.name:
        write(ax, x, y, label.name, TEXT, colour, "left")
        x += text_width(label.name) + 0.045
    if label.shape:
        write(ax, x, y, label.shape, SMALL, GREY, "left")


def paint_grid(ax: Any, grid: Grid) -> None:
    from matplotlib.patches import Rectangle

    for i, cells in enumerate(grid.cells):
        y = grid.top + i * grid.size
        write(ax, grid.left - 0.06, y + grid.size / 2, grid.rows[i], SMALL, "black", "right")
        for j, cell in enumerate(cells):
            place = grid.left + j * grid.size, y
            ax.add_patch(
                Rectangle(
                    place,
                    grid.size,
                    grid.size,
                    fc=INK if cell else "white",
                    ec=EDGE,
                    lw=0.6,
                    zorder=3,
                )
            )
    for j, text in enumerate(grid.columns):
        x = grid.left + (j + 0.5) * grid.size
        ax.text(
            x,
            grid.top - 0.05,
            text,
            fontsize=SMALL,
            rotation=90,
            ha="center",
            va="bottom",
            family="DejaVu Sans",
            zorder=5,
        )


def paint_arrow(ax: Any, arrow: Arrow, extents: dict[str, Extent]) -> None:
    from matplotlib.patches import PathPatch, Polygon

    points = route(arrow, extents[arrow.start], extents[arrow.end])
    colour, (x0, y0), (x1, y1) = COLOURS[arrow.kind], *points[-2:]
    across, along = (
        ((x1 > x0) - (x1 < x0)),
        ((y1 > y0) - (y1 < y0)),
    )  # the direction of the last piece
    ends = (
        [*points[:-1], (x1 - across * 0.8 * HEAD, y1 - along * 0.8 * HEAD)]
        if arrow.head
        else points
    )
    dashed = arrow.kind not in ("forward", "backward")
    style = {"lw": 1.0, "ls": (0, (3, 2))} if dashed else {"lw": 1.4}
    ax.add_patch(
        PathPatch(
            rounded(ends), fc="none", ec=colour, zorder=2, gid="arrow", capstyle="butt", **style
        )
    )
    if arrow.head:
        back_x, back_y, half_x, half_y = (
            x1 - across * HEAD,
            y1 - along * HEAD,
            along * HALF_HEAD,
            across * HALF_HEAD,
        )
        corners = [(x1, y1), (back_x + half_x, back_y + half_y), (back_x - half_x, back_y - half_y)]
        ax.add_patch(Polygon(corners, fc=colour, ec="none", zorder=2))
    if arrow.label and arrow.kind == "cache":
        paint_cache_label(ax, arrow, points)
    elif arrow.label:
        (x, above), (_, below) = max(
            pairwise(points), key=lambda pair: abs(pair[0][1] - pair[1][1])
        )
        label, y = label_of(arrow.label), (above + below) / 2 + arrow.shift
        width = (
            max(map(text_width, label))
            if arrow.stacked
            else text_width(" ".join(filter(None, label)))
        )
        x = x + 0.07 if arrow.side == "right" else x - 0.07 - width
        paint_label(ax, x, y, label, COLOURS[arrow.kind], arrow.stacked)


def paint_cache_label(ax: Any, arrow: Arrow, points: list[tuple[float, float]]) -> None:
    """Write the label in the gap between the sides: above the arrow, or, if it is long, its shape below."""
    label, y = label_of(arrow.label), points[-1][1] + arrow.shift
    left = points[1][0] + 0.03 if len(points) > 2 else LEFT[1]  # right of the bend
    x, whole = (left + RIGHT[0]) / 2, " ".join(filter(None, label))
    if "\n" not in arrow.label and text_width(whole, SMALL) <= RIGHT[0] - left - 0.06:
        write(ax, x, y - 0.1, whole, SMALL, GREY)
    else:
        write(ax, x, y - 0.1, label.name, SMALL, GREY)
        write(ax, x, y + 0.1, label.shape, SMALL, GREY)


def route(arrow: Arrow, start: Extent, end: Extent) -> list[tuple[float, float]]:
    """Return the corners of an arrow."""
    if arrow.points:
        return list(arrow.points)
    if arrow.kind == "cache":
        return route_across(arrow, start, end)
    if arrow.lane is not None:
        tail, tip = (
            extent.y if y is None else y for extent, y in ((start, arrow.tail), (end, arrow.tip))
        )
        leave = start.left if arrow.lane < start.x else start.right
        arrive = end.left if arrow.lane < end.x else end.right
        # over or under a box that is as wide as the lane is far
        first = (
            [(arrow.lane, start.top)]
            if start.left < arrow.lane < start.right
            else [(leave, tail), (arrow.lane, tail)]
        )
        last = (
            [(arrow.lane, end.top)]
            if end.left < arrow.lane < end.right
            else [(arrow.lane, tip), (arrive, tip)]
        )
        return [*first, *last]
    if end.top < start.y < end.bottom:  # beside each other
        rightwards = end.left > start.right
        return [
            (start.right if rightwards else start.left, start.y),
            (end.left if rightwards else end.right, start.y),
        ]
    down = end.y > start.y
    leave, arrive = (start.bottom, end.top) if down else (start.top, end.bottom)
    tail = start.x if arrow.tail is None else arrow.tail
    if arrow.tip is not None:
        tip = arrow.tip
    else:  # straight on, if the box is there
        tip = (
            tail if end.left + 0.05 < tail < end.right - 0.05 or abs(tail - end.x) < 1e-6 else end.x
        )
    if abs(tail - tip) < 1e-6:
        return [(tail, leave), (tip, arrive)]
    if start.left == start.right:  # from a dot: first across
        return [(tail, start.y), (tip, start.y), (tip, arrive)]
    if end.right - end.left < 2.1 * SUM:  # to a sum or a dot: last across
        return [(tail, leave), (tail, end.y), (end.left if tail < end.x else end.right, end.y)]
    middle = (leave + arrive) / 2
    return [(tail, leave), (tail, middle), (tip, middle), (tip, arrive)]


def route_across(arrow: Arrow, start: Extent, end: Extent) -> list[tuple[float, float]]:
    """A cache goes straight, at a height that both boxes have, unless tail and tip say otherwise; it bends in the gap."""
    top, bottom = max(start.top, end.top), min(start.bottom, end.bottom)
    common = (top + bottom) / 2 if top < bottom else None
    tail = (
        (common if common is not None and arrow.tip is None else start.y)
        if arrow.tail is None
        else arrow.tail
    )
    tip = (tail if common is not None else end.y) if arrow.tip is None else arrow.tip
    lane = LEFT[1] + 0.08 if arrow.lane is None else arrow.lane
    corners = [] if abs(tail - tip) < 1e-6 else [(lane, tail), (lane, tip)]
    return [(start.right, tail), *corners, (end.left, tip)]


def rounded(points: list[tuple[float, float]], radius: float = 0.06) -> Any:
    """Return the path through these points, with round corners."""
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:]):
        near = []
        for other in (before, after):
            length = abs(other[0] - corner[0]) + abs(other[1] - corner[1])
            share = min(radius / length, 0.5) if length else 0.0
            near.append(
                (
                    corner[0] + share * (other[0] - corner[0]),
                    corner[1] + share * (other[1] - corner[1]),
                )
            )
        vertices += [near[0], corner, near[1]]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])
