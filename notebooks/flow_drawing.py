"""Draw a data flow: the forward pass down the left side, the backward pass up the right side, caches across.

A drawing is data (`Flow`), all lengths are inches, y runs downwards. flows.py has the drawings of the course.
"""

import functools
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from notebook_tools import INK, SECOND

WIDTH = 5.6  # of every drawing, so that the text of all of them has one size
FORWARD, BACKWARD = 1.21, WIDTH - 1.21  # the centres of the two sides
DPI = 120
TEXT, SMALL = 9.0, 8.5  # points
LINE, PAD, PILL = 0.162, 0.075, 0.19
GREY, EDGE = "#4d4d4d", "#51637a"
COLOURS = {"forward": INK, "backward": SECOND, "cache": GREY, "parameter": "#7a4f9a"}
# a box has the colour of its operation in every drawing, and so has the ground of the drawing that shows what is inside
FILLS = {
    "linear": "#dbe7f6", "softmax": "#eadff4", "dropout": "#e9e9e9", "layer_norm": "#d9eeda", "gelu": "#fcefc4",
    "embedding": "#f9e0e6", "gather": "#efe5d6", "cross_entropy": "#f7d9d3", "attend": "#d3edef", "attention": "#bfe2e6",
    "add_norm": "#c8e6c9", "feed_forward": "#fbe3c8", "block": "#dfdcf2", "encoder": "#d0ccec", "fuse": "#e6edc3",
    "embeddings": "#f6d3dc", "pooler": "#ead9c3", "mlm_head": "#d6e0d0", "order_head": "#e2dccb", "model": "#eef1f5",
    "optimiser": "#e8ecdf", "quantise": "#e3e3ef",
}  # fmt: skip


class Label(NamedTuple):
    """The name of an array and its shape, in letters: ("dx", "(N, H)"). Either may be empty."""

    name: str
    shape: str = ""


def label_of(text: str) -> Label:
    """Split "dx (N, H)" into the name and the shape."""
    name, bracket, shape = text.partition(" (")
    return Label(name, bracket.strip() + shape)


@dataclass(frozen=True)
class Box:
    """A step: its lines of text, and below them its parameters. kind: "op", "value" (text alone), "sum", "dot" or "grad".

    A value has one line, a label. A grad is a step that adds to a parameter's gradient.
    """

    x: float
    y: float
    text: str = ""
    kind: str = "op"
    op: str = (
        ""  # the operation that gives it its colour; then the first line of the text is its name
    )
    params: tuple[str, ...] = ()
    grads: tuple[str, ...] = ()
    width: float = 0.0
    height: float = 0.0

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


@dataclass(frozen=True)
class Arrow:
    """From the box `start` to the box `end`. kind: "forward", "backward", "cache" or "parameter".

    lane: x of the vertical line along which the arrow goes past other boxes. tail, tip: x (of a cache or lane: y) of the ends.
    """

    start: str
    end: str
    label: str = ""
    kind: str = "forward"
    lane: float | None = None
    tail: float | None = None
    tip: float | None = None
    side: str = "right"
    shift: float = 0.0  # of the label, downwards
    head: bool = True
    label_y: float | None = None  # of a cache's label, if it does not stand at the tip


@dataclass(frozen=True)
class Frame:
    """The ground of an operation whose inside is drawn."""

    left: float
    top: float
    right: float
    bottom: float
    op: str
    title: str
    direction: str = ""  # "forward" or "backward", below the title
    note: str = ""


@dataclass(frozen=True)
class Note:
    """A line of explanation. align: "left", "center" or "right" of x."""

    x: float
    y: float
    text: str
    kind: str = "forward"
    align: str = "center"


@dataclass(frozen=True)
class Flow:
    """A drawing. `functions` says which functions of the library it shows."""

    height: float
    frames: tuple[Frame, ...]
    boxes: dict[str, Box]
    arrows: tuple[Arrow, ...]
    notes: tuple[Note, ...] = ()
    functions: tuple[str, ...] = ()
    summary: str = ""


class Extent(NamedTuple):
    """The place of a box on the page."""

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


@functools.cache
def renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(8, 8, DPI)


@functools.cache
def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in inches."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    return float(renderer().get_text_width_height_descent(text, font, False)[0]) / DPI


def extent_of(box: Box) -> Extent:
    """Return the edges of a box, which is as large as its text unless it says otherwise."""
    if box.kind == "stack":
        half_width, half_height = (
            max(text_width(line, TEXT) for line in label_of(box.text)) / 2 + 0.03,
            0.18,
        )
    elif box.kind in ("sum", "dot"):
        half_width = half_height = 0.1 if box.kind == "sum" else 0.0
    elif box.kind == "value":
        half_width, half_height = text_width(box.text, TEXT) / 2 + 0.03, 0.1
    else:
        widths = [
            text_width(line, TEXT, bool(box.op) and i == 0) for i, line in enumerate(box.lines)
        ]
        pills = [pill_width(text) for text in (*box.params, *box.grads)]
        width = box.width or max(*widths, sum(pills) + 0.06 * (len(pills) - 1), 0.0) + 2 * PAD
        height = (
            box.height or LINE * len(box.lines) + (PILL + 0.04 if pills else 0) + 2 * PAD - 0.02
        )
        half_width, half_height = width / 2, height / 2
    return Extent(box.x - half_width, box.y - half_height, box.x + half_width, box.y + half_height)


def pill_width(text: str) -> float:
    return text_width(text, SMALL) + 0.14


class Drawing:
    """A finished drawing; a notebook shows it as a picture, a terminal as its steps."""

    def __init__(self, name: str, flow: Flow, dpi: int = DPI) -> None:
        self.name, self.flow, self.dpi = name, flow, dpi

    def figure(self) -> Any:
        return paint(self.flow, self.dpi)

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.figure().savefig(stream, format="png")
        return few_colours(stream)

    def __repr__(self) -> str:
        steps = "; ".join(
            " ".join(box.lines) for box in self.flow.boxes.values() if box.kind in ("op", "grad")
        )
        return f"Drawing of {self.name}: {steps}"


def few_colours(stream: Any) -> bytes:
    """Return the picture with a palette, which makes the file less than half as large."""
    from PIL import Image

    small = io.BytesIO()
    picture = Image.open(stream).convert("RGB").quantize(96, dither=Image.Dither.NONE)
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def paint(flow: Flow, dpi: int = DPI) -> Any:
    """Return the drawing as a figure of matplotlib, which pyplot does not know of (so it is not shown twice)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, flow.height), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(flow.height, 0))
    ax.axis("off")
    for frame in flow.frames:
        paint_frame(ax, frame)
    extents = {name: extent_of(box) for name, box in flow.boxes.items()}
    for arrow in flow.arrows:
        paint_arrow(ax, arrow, extents)
    for name, box in flow.boxes.items():
        paint_box(ax, box, extents[name])
    for note in flow.notes:
        write(
            ax,
            note.x,
            note.y,
            note.text,
            SMALL,
            COLOURS[note.kind],
            align=note.align,
            style="italic",
        )
    return figure


def write(
    ax: Any,
    x: float,
    y: float,
    text: str,
    size: float,
    colour: str,
    align: str = "center",
    **style: Any,
) -> Any:
    return ax.text(
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
    width: float = 0.9,
    **style: Any,
) -> Any:
    from matplotlib.patches import FancyBboxPatch

    left, top, right, bottom = extent
    style = {"zorder": 3, **style}
    patch = FancyBboxPatch(
        (left, top),
        right - left,
        bottom - top,
        f"round,pad=0,rounding_size={radius}",
        fc=fill,
        ec=edge,
        lw=width,
        **style,
    )
    return ax.add_patch(patch)


def paint_frame(ax: Any, frame: Frame) -> None:
    rectangle(
        ax,
        (frame.left, frame.top, frame.right, frame.bottom),
        FILLS[frame.op],
        EDGE,
        0.08,
        zorder=1,
        gid="frame",
    )
    write(
        ax, frame.left + 0.08, frame.top + 0.13, frame.title, TEXT, "black", "left", weight="bold"
    )
    write(ax, frame.left + 0.08, frame.top + 0.13 + LINE, frame.direction, SMALL, GREY, "left")
    if frame.note:
        write(
            ax,
            frame.left + 0.08,
            frame.bottom - 0.12,
            frame.note,
            SMALL,
            GREY,
            "left",
            style="italic",
        )


def paint_box(ax: Any, box: Box, extent: Extent) -> None:
    if box.kind == "dot":
        ax.plot(
            [box.x],
            [box.y],
            "o",
            color=INK if box.x < WIDTH / 2 else SECOND,
            markersize=3.5,
            zorder=4,
        )
        return
    if box.kind == "sum":
        from matplotlib.patches import Circle

        ax.add_patch(
            Circle((box.x, box.y), 0.1, fc="white", ec="black", lw=0.9, zorder=3, gid="box")
        )
        ax.plot([box.x - 0.055, box.x + 0.055], [box.y, box.y], color="black", lw=1.1, zorder=4)
        ax.plot([box.x, box.x], [box.y - 0.055, box.y + 0.055], color="black", lw=1.1, zorder=4)
        return
    if box.kind == "value":
        paint_label(ax, extent.left + 0.03, box.y, label_of(box.text), "black")
        return
    if box.kind == "stack":
        label = label_of(box.text)
        write(ax, box.x, box.y - LINE / 2, label.name, TEXT, "black")
        write(ax, box.x, box.y + LINE / 2, label.shape, SMALL, GREY)
        return
    edge = SECOND if box.kind == "grad" else EDGE
    rectangle(ax, extent, FILLS[box.op] if box.op else "white", edge, 0.045, gid="box")
    pills = (*box.params, *box.grads)
    height = LINE * len(box.lines) + (PILL + 0.04 if pills else 0)
    y = extent.y - height / 2 + LINE / 2
    for i, line in enumerate(box.lines):
        write(
            ax, extent.x, y, line, TEXT, "black", weight="bold" if box.op and i == 0 else "normal"
        )
        y += LINE
    x = extent.x - (sum(map(pill_width, pills)) + 0.06 * (len(pills) - 1)) / 2
    for text in pills:
        width = pill_width(text)
        colour = SECOND if text in box.grads else COLOURS["parameter"]
        top = y - LINE / 2 + 0.04
        rectangle(
            ax, (x, top, x + width, top + PILL), "white", colour, PILL / 2, gid="pill", zorder=4
        )
        write(ax, x + width / 2, top + PILL / 2, text, SMALL, colour)
        x += width + 0.06


def paint_label(ax: Any, x: float, y: float, label: Label, colour: str) -> None:
    """Write a name and its shape, from x on."""
    if label.name:
        write(ax, x, y, label.name, TEXT, colour, "left")
        x += text_width(label.name + " ", TEXT)
    if label.shape:
        write(ax, x, y, label.shape, SMALL, GREY, "left")


def paint_arrow(ax: Any, arrow: Arrow, extents: dict[str, Extent]) -> None:
    from matplotlib.patches import FancyArrowPatch

    points = route(arrow, extents[arrow.start], extents[arrow.end])
    colour = COLOURS[arrow.kind]
    dashed = {"linestyle": (0, (3, 2))} if arrow.kind in ("cache", "parameter") else {}
    patch = FancyArrowPatch(
        path=rounded(points), arrowstyle="-|>,head_length=4,head_width=2.2" if arrow.head else "-", color=colour,
        lw=1.0 if dashed else 1.4, mutation_scale=1, zorder=2, shrinkA=0, shrinkB=0, joinstyle="miter",
        capstyle="butt", gid="arrow", **dashed,
    )  # fmt: skip
    ax.add_patch(patch)
    if arrow.label:
        paint_arrow_label(ax, arrow, points, colour)


def paint_arrow_label(
    ax: Any, arrow: Arrow, points: list[tuple[float, float]], colour: str
) -> None:
    label = label_of(arrow.label)
    if arrow.kind == "cache":  # in the gap between the sides
        x, y = WIDTH / 2, (arrow.label_y if arrow.label_y is not None else points[-1][1])
        if len(points) > 2:
            x = (
                points[1][0] + 0.03 + WIDTH - 2 * FORWARD + 0.06
            ) / 2  # between the bend and the ground
        whole = " ".join(filter(None, label))
        if text_width(whole, SMALL) < 0.84:
            write(ax, x, y - 0.1, whole, SMALL, GREY)
        else:
            write(ax, x, y - 0.1, label.name, SMALL, GREY)
            write(ax, x, y + 0.1, label.shape, SMALL, GREY)
        return
    longest = max(zip(points, points[1:]), key=lambda pair: abs(pair[0][1] - pair[1][1]))
    (x, above), (_, below) = longest
    width = text_width(" ".join(filter(None, label)), TEXT)
    x = x + 0.07 if arrow.side == "right" else x - 0.07 - width
    paint_label(ax, x, (above + below) / 2 + arrow.shift, label, colour)


def route(arrow: Arrow, start: Extent, end: Extent) -> list[tuple[float, float]]:
    """Return the corners of an arrow: horizontal for a cache, along its lane, straight, or with one step between two rows."""
    tail = start.y if arrow.tail is None else arrow.tail
    tip = end.y if arrow.tip is None else arrow.tip
    if arrow.kind == "cache":
        if arrow.tip is None and start.top < end.y < start.bottom and arrow.tail is None:
            tail = end.y
        elif arrow.tip is None and end.top < tail < end.bottom:
            tip = tail
        lane = WIDTH / 2 - 0.37 if arrow.lane is None else arrow.lane
        corners = [] if abs(tail - tip) < 1e-6 else [(lane, tail), (lane, tip)]
        return [(start.right, tail), *corners, (end.left, tip)]
    if arrow.lane is not None:
        leave = start.left if arrow.lane < start.x else start.right
        arrive = end.left if arrow.lane < end.x else end.right
        return [(leave, tail), (arrow.lane, tail), (arrow.lane, tip), (arrive, tip)]
    if end.top < start.y < end.bottom and (end.left > start.right or end.right < start.left):
        return (
            [(start.right, start.y), (end.left, start.y)]
            if end.left > start.right
            else [(start.left, start.y), (end.right, start.y)]
        )
    down = end.y > start.y
    if (
        start.x == start.right and abs(start.x - end.x) > 0.1 and arrow.tip is None
    ):  # from a dot: first across
        return [(start.x, start.y), (end.x, start.y), (end.x, end.top if down else end.bottom)]
    if (
        is_sum(end) and abs((start.x if arrow.tail is None else arrow.tail) - end.x) > 0.1
    ):  # into a sum: last across
        x = start.x if arrow.tail is None else arrow.tail
        return [
            (x, start.bottom if down else start.top),
            (x, end.y),
            (end.left if x < end.x else end.right, end.y),
        ]
    leave, arrive = (start.bottom, end.top) if down else (start.top, end.bottom)
    tail = start.x if arrow.tail is None else arrow.tail
    tip = (
        (min(max(tail, end.left + 0.06), end.right - 0.06) if end.right - end.left > 0.3 else end.x)
        if arrow.tip is None
        else arrow.tip
    )
    if arrow.tip is None and abs(tail - tip) > 1e-6:
        tip = end.x
    if abs(tail - tip) < 1e-6:
        return [(tail, leave), (tip, arrive)]
    middle = (leave + arrive) / 2
    return [(tail, leave), (tail, middle), (tip, middle), (tip, arrive)]


def is_sum(extent: Extent) -> bool:
    return 0 < extent.right - extent.left < 0.21


def rounded(points: list[tuple[float, float]], radius: float = 0.06) -> Any:
    """Return the path through these points, its corners rounded."""
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:]):
        for other, code in ((before, Path.LINETO), (after, Path.CURVE3)):
            length = max(abs(other[0] - corner[0]), abs(other[1] - corner[1]))
            share = min(radius, length / 2) / length if length else 0
            point = tuple(c + share * (o - c) for c, o in zip(corner, other))
            if code == Path.CURVE3:
                vertices.append(corner)
                codes.append(Path.CURVE3)
            vertices.append(point)
            codes.append(code)
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])
