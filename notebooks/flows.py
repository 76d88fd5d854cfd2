"""The data-flow drawings of the course: `draw("layer_norm")`, or `python notebooks/flows.py layer_norm` for layer_norm.png.

All speak one language. Data flow down the dark arrows on the left; gradients return up the orange arrows on the right, where each
step stands beside the step whose backward pass it is. A dashed arrow carries an array that the forward pass keeps for the
backward pass. A rounded label is a parameter; an orange one is its gradient, which the step adds to. The ground has the colour
that the operation has as a box of a larger drawing: linear, feed_forward, block, encoder, model.

Names and shapes are those of the library's code, in the letters of its documentation (tests/test_flows.py compares them).
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flow_drawing import BACKWARD as B
from flow_drawing import FORWARD as F
from flow_drawing import LEFT, RIGHT, Arrow, Box, Drawing, Flow, Frame, Grid, Note

PRINT_DPI = 300  # of the files that `main` writes
TOP = 0.36  # of the grounds; above them stand the inputs
FLOWS: dict[str, Callable[[], Flow]] = {}


def draw(name: str) -> Drawing:
    """Return the drawing of an operation; a notebook's cell ends with this call. For the names see `FLOWS`."""
    if name not in FLOWS:
        raise ValueError(f"name: expected one of {', '.join(FLOWS)}, got {name!r}")
    return Drawing(name, FLOWS[name]())


def flow(function: Callable[[], Flow]) -> Callable[[], Flow]:
    """Enter a drawing under the name of its function."""
    FLOWS[function.__name__] = function
    return function


# the parts of a drawing


def value(x: float, y: float, text: str) -> Box:
    return Box(x, y, text, "value")


def stack(x: float, y: float, text: str) -> Box:
    return Box(x, y, text, "stack")


def grad(x: float, y: float, text: str) -> Box:
    return Box(x, y, text, "grad")


def down(start: str, end: str, label: str = "", **options: Any) -> Arrow:
    return Arrow(start, end, label, **options)


def up(start: str, end: str, label: str = "", **options: Any) -> Arrow:
    return Arrow(start, end, label, "backward", **options)


def cache(start: str, end: str, label: str = "", **options: Any) -> Arrow:
    return Arrow(start, end, label, "cache", **options)


def grounds(op: str, bottom: float, top: float = TOP, title: str = "") -> tuple[Frame, Frame]:
    """The grounds of both sides."""
    return (
        Frame(LEFT[0], top, LEFT[1], bottom, op, title or op, "forward"),
        Frame(RIGHT[0], top, RIGHT[1], bottom, op, title or op, "backward"),
    )


def operation(
    op: str, *params: str, text: str = "", title: str = "", **options: Any
) -> tuple[Box, Box]:
    """An operation that has a drawing of its own, forward and backward."""
    lines = "\n".join(filter(None, (title or op, text)))
    grads = tuple("g." + param.split()[0] for param in params)
    return Box(F, 0, lines, op=op, params=params, **options), Box(
        B, 0, lines, op=op, grads=grads, **options
    )


def steps(forward: str, backward: str, *params: str) -> tuple[Box, Box]:
    """Lines of the code, forward and backward."""
    return Box(F, 0, forward, params=params), Box(B, 0, backward)


@dataclass(frozen=True)
class Step:
    """One row of a chain.

    boxes: forward and backward; out: the array that leaves it downwards; cache: what it keeps. adds: texts of two gradients that
    the gradient arriving from below is added to, beside the arrow. The gradient of "z" is "dz" unless `gradient` has its label.
    """

    key: str
    boxes: tuple[Box, Box | None]
    out: str = ""
    cache: str = ""
    adds: tuple[str, ...] = ()
    gradient: str | None = None


def chain(
    op: str,
    inputs: tuple[str, str],
    rows: Iterable[Step],
    outputs: tuple[str, str],
    extra: Iterable[Arrow] = (),
) -> Flow:
    """A drawing whose steps follow one another. inputs, outputs: their labels on both sides, "" for none."""
    boxes, arrows, y = {}, list(extra), TOP + 0.42
    above, above_backward, label, gradient = "top", "top backward", "", ""
    for key, text, x in (("top", inputs[0], F), ("top backward", inputs[1], B)):
        if text:
            boxes[key] = value(x, 0.14, text)
    for row in rows:
        left, right = row.boxes
        tall = [box.extent.bottom - box.extent.top for box in (left, right) if box]
        grads = [grad(0, 0, text) for text in row.adds]
        halves = [box.extent.right for box in grads]
        grads = (
            [
                replace(box, x=x)
                for box, x in zip(grads, (RIGHT[0] + 0.08 + halves[0], RIGHT[1] - 0.08 - halves[1]))
            ]
            if grads
            else []
        )
        below = max((box.extent.bottom - box.extent.top + 0.2 for box in grads), default=0.0)
        height = max(tall[0], tall[-1] + below)
        boxes[row.key] = replace(left, y=y + height / 2)
        arrows += [down(above, row.key, label)] if above in boxes else []
        above, back = row.key, f"{row.key} backward"
        if right:
            boxes[back] = replace(right, y=y + (height - below) / 2)
            arrows += [up(back, above_backward, gradient)] if above_backward in boxes else []
            above_backward = back
        if grads:
            bottom, edges = (
                y + height - (below - 0.2) / 2,
                (grads[0].extent.right, grads[1].extent.left),
            )
            x = (
                B if edges[0] + 0.18 < B < edges[1] - 0.18 else sum(edges) / 2
            )  # of the arrow between them
            boxes[f"{row.key} split"] = Box(x, bottom, kind="dot")
            arrows.append(up(f"{row.key} split", above_backward))
            for end, box in zip("wb", grads):
                boxes[f"{row.key} {end}"] = replace(box, y=bottom)
                arrows.append(up(f"{row.key} split", f"{row.key} {end}"))
            above_backward = f"{row.key} split"
        if row.cache:
            arrows.append(cache(row.key, f"{row.key} w" if grads else back, row.cache))
        label, gradient = (
            row.out,
            ("d" + row.out if row.out else "") if row.gradient is None else row.gradient,
        )
        y += height + (0.42 if label else 0.3)
    bottom, last = y - 0.3 + 0.13, boxes[above_backward]
    boxes |= {
        "bottom": value(F, bottom + 0.36, outputs[0]),
        "bottom backward": value(last.x, bottom + 0.36, outputs[1]),
    }
    arrows += [down(above, "bottom"), up("bottom backward", above_backward, head=not last.is_dot)]
    return Flow(bottom + 0.5, grounds(op, bottom), boxes, tuple(arrows))


# the operations, from the smallest to the model


@flow
def linear() -> Flow:
    row = Step(
        "affine",
        steps("y = x w + b", "dx = dy wᵀ", "w (I, O)", "b (O,)"),
        "",
        "x (N, I)",
        ("g.w +=\nxᵀ dy", "g.b +=\nΣ dy"),
    )
    return chain("linear", ("x (N, I)", "dx (N, I)"), [row], ("y (N, O)", "dy (N, O)"))


@flow
def softmax() -> Flow:
    rows = [
        Step("exp", (Box(F, 0, "e = exp(x − max(x))"), None), "e (N, W)", gradient=""),
        Step("divide", steps("y = e / sum(e)", "dx = y · (dy − sum(dy · y))"), "", "y (N, W)"),
    ]
    return chain("softmax", ("x (N, W)", "dx (N, W)"), rows, ("y (N, W)", "dy (N, W)"))


@flow
def cross_entropy() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (M, C)"), "dx": value(B, 0.14, "dx (M, C)"),
        "shift": Box(F, 0.94, "shifted = x − max(x)"), "exp": Box(F, 1.6, "e = exp(shifted)"),
        "total": Box(F, 2.34, "total = sum(e)\nprobs = e / total"),
        "nll": Box(F, 3.16, "nll = log(total)\n− shifted[labels]"),
        "mean": Box(F, 4.06, "scaled = weights\n/ denominator\nloss = Σ nll · scaled"),
        "to x": Box(B, 3.16, "dx = (probs − onehot)\n· scaled · dloss", height=1.3),
        "loss": value(F, 4.84, "loss ()"), "dloss": value(B, 4.84, "dloss ()"),
    }  # fmt: skip
    arrows = (
        down("x", "shift"), down("shift", "exp", "shifted (M, C)"), down("exp", "total", "e (M, C)"),
        down("total", "nll", "total (M, 1)"), down("nll", "mean", "nll (M,)"), down("mean", "loss"),
        cache("total", "to x", "probs (M, C)", tip=2.72), cache("nll", "to x", "picked (M,)"),
        cache("mean", "to x", "scaled (M,)", tip=3.6), up("dloss", "to x"), up("to x", "dx"),
    )  # fmt: skip
    return Flow(4.98, grounds("cross_entropy", 4.48), boxes, arrows)


@flow
def layer_norm() -> Flow:
    rows = [
        Step("centre", (Box(F, 0, "centred = x − mean(x)"), None), "centred (N, W)", gradient=""),
        Step(
            "rstd",
            steps("rstd = 1 /\n√(mean(centred²) + ε)", "dx = rstd · (dxhat\n− mean(dxhat)\n− xhat · mean(dxhat · xhat))"),
            "rstd (N, 1)", "rstd (N, 1)", gradient="dxhat (N, W)",
        ),
        Step("xhat", (Box(F, 0, "xhat = centred · rstd"), None), "xhat (N, W)", gradient="dxhat (N, W)"),
        Step(
            "scale", steps("y = xhat · gamma + beta", "dxhat = dy · gamma", "gamma (W,)", "beta (W,)"),
            adds=("g.gamma +=\nΣ dy · xhat", "g.beta +=\nΣ dy"),
        ),
    ]  # fmt: skip
    extra = [cache("xhat", "rstd backward", tip=1.92), cache("xhat", "scale w", "xhat (N, W)")]
    return chain("layer_norm", ("x (N, W)", "dx (N, W)"), rows, ("y (N, W)", "dy (N, W)"), extra)


@flow
def gelu() -> Flow:
    rows = [
        Step("u", (Box(F, 0, "u = √(2/π) ·\n(x + 0.044715 x³)"), None), "u (N, W)", gradient=""),
        Step("t", (Box(F, 0, "t = tanh(u)"), None), "t (N, W)", gradient=""),
        Step(
            "y",
            steps(
                "y = x (1 + t) / 2",
                "slope = √(2/π) ·\n(1 + 3 · 0.044715 x²)\ndx = dy · ((1 + t) / 2\n+ x (1 − t²) slope / 2)",
            ),
            "",
            "x, t (N, W)",
        ),
    ]
    return chain("gelu", ("x (N, W)", "dx (N, W)"), rows, ("y (N, W)", "dy (N, W)"))


@flow
def dropout() -> Flow:
    rows = [
        Step(
            "keep",
            (Box(F, 0, "keep = random ≥ rate\nscale = 1 / (1 − rate)"), None),
            "keep (N, W)",
            gradient="",
        ),
        Step("y", steps("y = x · keep · scale", "dx = dy · keep · scale")),
    ]
    drawing = chain("dropout", ("x (N, W)", "dx (N, W)"), rows, ("y (N, W)", "dy (N, W)"))
    kept = cache("keep", "y backward", "keep (N, W)", tip=drawing.boxes["y"].y)
    return replace(drawing, arrows=(*drawing.arrows, kept))


@flow
def gather() -> Flow:
    rows = [
        Step("y", steps("y = x[rows]", "dx = zeros of x's shape\ndx[rows] += dy"), "", "rows (M,)")
    ]
    return chain("gather", ("x (N, W)", "dx (N, W)"), rows, ("y (M, W)", "dy (M, W)"))


@flow
def fake_quantise() -> Flow:
    rows = [
        Step("round", (Box(F, 0, "n = round(w / s)"), None), "n (R, C)", gradient=""),
        Step(
            "y",
            steps("y = s · clip(n, −q, q)\ninside = |n| ≤ q", "dw = dy · inside"),
            "",
            "inside (R, C)",
        ),
    ]
    return chain("fake_quantise", ("w (R, C)", "dw (R, C)"), rows, ("y (R, C)", "dy (R, C)"))


IDS = "ids, positions, token_types (N,)"
NO_GRADIENT = Note(B, 0.14, "no gradient: ids are integers", "backward", "center")


@flow
def embedding() -> Flow:
    forward = "y = word[ids]\n+ position[positions]\n+ token_type[token_types]"
    backward = "g.word[ids] += dy\ng.position[positions] += dy\ng.token_type[token_types]\n+= dy"
    boxes = (
        Box(F, 0, forward, params=("word (V, E)", "position (P, E)", "token_type (S, E)")),
        grad(B, 0, backward),
    )
    row = Step("sum", boxes, "", "ids, positions,\ntoken_types")
    drawing = chain("embedding", (IDS, ""), [row], ("y (N, E)", "dy (N, E)"))
    return replace(drawing, notes=(NO_GRADIENT,))


@flow
def embeddings() -> Flow:
    rows = [
        Step(
            "tables",
            operation("embedding", "word", "position", "token_type"),
            "e (N, E)",
            "c_tables",
        ),
        Step("norm", operation("layer_norm", "norm (E,)"), "e (N, E)", "c_norm"),
        Step("dropout", operation("dropout"), "e (N, E)", "c_dropout"),
        Step("projection", operation("linear", "projection (E, H)"), "", "c_projection"),
    ]
    drawing = chain("embeddings", (IDS, ""), rows, ("x (N, H)", "dx (N, H)"))
    return replace(drawing, notes=(NO_GRADIENT,))


@flow
def feed_forward() -> Flow:
    rows = [
        Step("in", operation("linear", "intermediate (H, F)"), "z (N, F)", "c_in"),
        Step("act", operation("gelu"), "a (N, F)", "c_act"),
        Step("out", operation("linear", "output (F, H)"), "", "c_out"),
    ]
    return chain("feed_forward", ("x (N, H)", "dx (N, H)"), rows, ("y (N, H)", "dy (N, H)"))


@flow
def attention_head() -> Flow:
    boxes, arrows = {}, []
    for name, shift in (("q", -0.3), ("k", 0.25), ("v", 0.86)):
        boxes[name], boxes[f"d{name}"] = (
            stack(F + shift, 0.2, f"{name} (T, D)"),
            stack(B + shift, 0.2, f"d{name} (T, D)"),
        )
    boxes |= {
        "scores": Box(F - 0.06, 1.2, "scores = q kᵀ / √D"), "softmax": Box(F - 0.06, 1.98, "softmax", op="softmax"),
        "dropout": Box(F - 0.06, 2.66, "dropout", op="dropout"), "average": Box(F + 0.2, 3.42, "context = dropped v"),
        "scores backward": Box(B - 0.06, 1.2, "dproduct = dscores / √D\ndq = dproduct k\ndk = dproductᵀ q"),
        "softmax backward": Box(B - 0.06, 1.98, "softmax", op="softmax"),
        "dropout backward": Box(B - 0.06, 2.66, "dropout", op="dropout"),
        "average backward": Box(B + 0.1, 3.42, "ddropped = dcontext vᵀ\ndv = droppedᵀ dcontext"),
        "context": value(F, 4.16, "context (T, D)"), "dcontext": value(B, 4.16, "dcontext (T, D)"),
    }  # fmt: skip
    arrows = [
        down("q", "scores"), down("k", "scores"), down("v", "average"), down("scores", "softmax", "scores (T, T)"),
        down("softmax", "dropout", "probs (T, T)"), down("dropout", "average", "dropped (T, T)", stacked=True),
        down("average", "context", tail=F), up("dcontext", "average backward"),
        up("average backward", "dropout backward", "ddropped (T, T)", tail=B - 0.06, stacked=True),
        up("dropout backward", "softmax backward", "dprobs (T, T)", stacked=True),
        up("softmax backward", "scores backward", "dscores (T, T)", stacked=True), up("scores backward", "dq", tail=B - 0.3),
        up("scores backward", "dk", tail=B + 0.25), up("average backward", "dv", tail=B + 0.86),
        cache("scores", "scores backward", "q, k (T, D)"), cache("softmax", "softmax backward", "probs (T, T)"),
        cache("dropout", "dropout backward", "c_dropout"), cache("average", "average backward", "dropped, v"),
    ]  # fmt: skip
    return Flow(4.3, grounds("attend", 3.8, 0.44), boxes, tuple(arrows))


@flow
def attention() -> Flow:
    boxes = {"x": value(F, 0.14, "x (N, H)"), "dx": value(B, 0.14, "dx (N, H)")}
    boxes |= {"split": Box(F, 0.9, kind="dot"), "sum": Box(B, 0.9, kind="sum")}
    arrows = [down("x", "split", head=False), up("sum", "dx")]
    for shift, name in ((-0.74, "query"), (0, "key"), (0.74, "value")):
        boxes[name] = Box(F + shift, 1.4, "linear", op="linear", params=(name,), width=0.7)
        boxes[f"{name} backward"] = Box(
            B + shift, 1.4, "linear", op="linear", grads=(f"g.{name}",), width=0.7
        )
        arrows += [
            down("split", name), down(name, "attend", f"{name[0]} (N, H)", tail=F + shift - 0.14, stacked=True),
            up(f"{name} backward", "sum"),
            up("attend backward", f"{name} backward", f"d{name[0]} (N, H)", tail=B + shift - 0.14, stacked=True),
        ]  # fmt: skip
    for x, back in ((F, ""), (B, " backward")):
        boxes[f"attend{back}"] = Box(
            x, 2.38, "attend\neach sequence, A heads", op="attend", width=2.16
        )
    boxes |= {
        "output": Box(F, 3.26, "linear", op="linear", params=("output (H, H)",)),
        "output backward": Box(B, 3.26, "linear", op="linear", grads=("g.output",)),
        "y": value(F, 4.0, "y (N, H)"), "dy": value(B, 4.0, "dy (N, H)"),
    }  # fmt: skip
    arrows += [
        down("attend", "output", "context (N, H)"), down("output", "y"), up("dy", "output backward"),
        up("output backward", "attend backward", "dcontext (N, H)"), cache("value", "query backward", "x (N, H)"),
        cache("attend", "attend backward", "c_attend"), cache("output", "output backward", "c_output"),
    ]  # fmt: skip
    return Flow(4.14, grounds("attention", 3.64), boxes, tuple(arrows))


@flow
def add_norm() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, W)"), "f": value(F + 0.76, 0.14, "f (N, W)"),
        "dx": value(B, 0.14, "dx (N, W)"), "df": value(B + 0.76, 0.14, "df (N, W)"),
        "dropout": Box(F + 0.76, 0.98, "dropout", op="dropout"),
        "dropout backward": Box(B + 0.76, 0.98, "dropout", op="dropout"),
        "sum": Box(F, 1.56, kind="sum"), "split": Box(B, 1.56, kind="dot"),
        "norm": Box(F, 2.16, "layer_norm", op="layer_norm", params=("gamma (W,)", "beta (W,)")),
        "norm backward": Box(B, 2.16, "layer_norm", op="layer_norm", grads=("g.gamma", "g.beta")),
        "y": value(F, 2.9, "y (N, W)"), "dy": value(B, 2.9, "dy (N, W)"),
    }  # fmt: skip
    arrows = (
        down("x", "sum"), down("f", "dropout"), down("dropout", "sum", "dropped", side="left"),
        down("sum", "norm"), down("norm", "y"),
        up("dy", "norm backward"), up("norm backward", "split", head=False), up("split", "dx"),
        up("split", "dropout backward"), up("dropout backward", "df"), cache("dropout", "dropout backward", "c_dropout"),
        cache("norm", "norm backward", "c_norm"),
    )  # fmt: skip
    return Flow(3.04, grounds("add_norm", 2.54), boxes, arrows)


@flow
def block() -> Flow:
    f, b, left, right = F + 0.1, B - 0.1, LEFT[0] + 0.2, RIGHT[1] - 0.2
    boxes = {
        "x": value(f, 0.14, "x (N, H)"), "dx": value(b, 0.14, "dx (N, H)"),
        "split x": Box(f, 0.92, kind="dot"), "split h": Box(f, 2.9, kind="dot"),
        "sum x": Box(b, 0.92, kind="sum"), "sum h": Box(b, 2.9, kind="sum"),
    }  # fmt: skip
    for key, y, op, param in (
        ("attention", 1.38, "attention", "attention"), ("norm a", 2.2, "add_norm", "attention_norm"),
        ("ffn", 3.36, "feed_forward", "ffn"), ("norm f", 4.18, "add_norm", "ffn_norm"),
    ):  # fmt: skip
        boxes[key] = Box(f, y, op, op=op, params=(param,), width=1.3)
        boxes[f"{key} backward"] = Box(b, y, op, op=op, grads=(f"g.{param}",), width=1.4)
    boxes |= {"y": value(f, 4.92, "y (N, H)"), "dy": value(b, 4.92, "dy (N, H)")}
    arrows = (
        down("x", "split x", head=False), down("split x", "attention"), down("attention", "norm a", "a (N, H)"),
        down("split x", "norm a", lane=left), down("norm a", "split h", "h (N, H)", head=False), down("split h", "ffn"),
        down("split h", "norm f", lane=left), down("ffn", "norm f", "f (N, H)"), down("norm f", "y"),
        up("dy", "norm f backward"), up("norm f backward", "ffn backward", "df (N, H)"),
        up("norm f backward", "sum h", "dh", lane=right, side="left"), up("ffn backward", "sum h"),
        up("sum h", "norm a backward", "dh (N, H)"), up("norm a backward", "attention backward", "da (N, H)"),
        up("norm a backward", "sum x", "dx", lane=right, side="left"), up("attention backward", "sum x"), up("sum x", "dx"),
        cache("attention", "attention backward", "c_attention"), cache("norm a", "norm a backward", "c_norm_a"),
        cache("ffn", "ffn backward", "c_ffn"), cache("norm f", "norm f backward", "c_norm_f"),
    )  # fmt: skip
    return Flow(5.06, grounds("block", 4.56), boxes, arrows)


@flow
def encoder() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, H)"), "dx": value(B, 0.14, "dx (N, H)"),
        "start": Box(F, 0.96, kind="dot"), "end": Box(F, 2.26, kind="dot"),
        "block": Box(F, 1.44, "block", op="block", params=("groups[0]",), width=1.1),
        "block backward": Box(B, 1.44, "block", op="block", grads=("g.groups[0]",), width=1.1),
        "end backward": Box(B, 0.96, kind="dot"), "sum": Box(B, 2.26, kind="sum"),
        "hidden": value(F, 3.06, "hidden[l + 1] (N, H)"), "dhidden": value(B, 3.06, "dhidden[l + 1] (N, H)"),
    }  # fmt: skip
    arrows = (
        down("x", "start", head=False), down("start", "block"), down("block", "end", head=False), down("end", "hidden"),
        down("end", "start", lane=LEFT[0] + 0.2), up("dhidden", "sum"), up("sum", "block backward", "dx (N, H)", side="left"),
        up("block backward", "end backward", head=False), up("end backward", "dx"),
        up("end backward", "sum", lane=RIGHT[1] - 0.2), cache("block", "block backward", "c_layers"),
    )  # fmt: skip
    notes = (
        Note(LEFT[0] + 0.28, 1.44, "× L", "forward"), Note(F + 0.08, 1.86, "the same", "forward"),
        Note(F + 0.08, 2.02, "parameters", "forward"), Note(RIGHT[1] - 0.28, 1.44, "× L", "backward", "right"),
        Note(B + 0.08, 1.86, "g is added", "backward"), Note(B + 0.08, 2.02, "to L times", "backward"),
    )  # fmt: skip
    return Flow(3.2, grounds("encoder", 2.7), boxes, arrows, notes)


@flow
def fuse() -> Flow:
    x = F + 0.16
    boxes = {
        f"{d}{level}": value(side + shift, 0.14, f"{d}{level} (N, H)")
        for side, d in ((F, ""), (B, "d"))
        for level, shift in (("low", -0.14), ("high", 0.76))
    }
    boxes |= {
        "both": Box(x, 0.96, "both = [low, high]"),
        "linear": Box(x, 1.76, "linear", op="linear", params=("w (2H, H)", "b (H,)")),
        "tanh": Box(x, 2.54, "tanh", op="tanh"), "h": value(x, 3.2, "h (N, H)"),
        "both backward": Box(B + 0.16, 0.96, "dlow, dhigh = dboth"),
        "linear backward": Box(B + 0.16, 1.76, "linear", op="linear", grads=("g.w", "g.b")),
        "tanh backward": Box(B + 0.16, 2.54, "tanh", op="tanh"), "dh": value(B + 0.16, 3.2, "dh (N, H)"),
    }  # fmt: skip
    arrows = (
        down("low", "both"), down("high", "both"), down("both", "linear", "both (N, 2H)"), down("linear", "tanh", "z (N, H)"),
        down("tanh", "h"), up("dh", "tanh backward"), up("tanh backward", "linear backward", "dz (N, H)"),
        up("linear backward", "both backward", "dboth (N, 2H)"), up("both backward", "dlow", tail=B - 0.14),
        up("both backward", "dhigh", tail=B + 0.76), cache("linear", "linear backward", "c_linear"),
        cache("tanh", "tanh backward", "c_tanh"),
    )  # fmt: skip
    return Flow(3.34, grounds("fuse", 2.84), boxes, arrows)


@flow
def fusion() -> Flow:
    boxes, arrows = {}, []
    for level, shift, into in (
        ("h₄", -0.3, "first"),
        ("h₈", 0.25, "first"),
        ("h₁₂", 0.86, "second"),
    ):
        boxes |= {
            level: stack(F + shift, 0.2, f"{level} (N, H)"),
            f"d{level}": stack(B + shift, 0.2, f"d{level} (N, H)"),
        }
        arrows += [down(level, into), up(f"{into} backward", f"d{level}", tail=B + shift)]
    for key, shift, y, width in (("first", -0.03, 1.2, 1.06), ("second", 0.2, 2.1, 1.6)):
        param = f"fusion[{int(key == 'second')}]"
        boxes[key] = Box(F + shift, y, "fuse", op="fuse", params=(param,), width=width)
        boxes[f"{key} backward"] = Box(
            B + shift, y, "fuse", op="fuse", grads=(f"g.{param}",), width=width
        )
        arrows.append(cache(key, f"{key} backward", f"caches[{param[-2]}]"))
    boxes |= {"h": value(F + 0.2, 2.86, "h (N, H)"), "dh": value(B + 0.2, 2.86, "dh (N, H)")}
    arrows += [
        down("first", "second", "f₁ (N, H)"), down("second", "h"), up("dh", "second backward"),
        up("second backward", "first backward", "df₁ (N, H)", tail=B - 0.03),
    ]  # fmt: skip
    return Flow(3.0, grounds("fusion", 2.5, 0.44), boxes, tuple(arrows))


@flow
def pooler() -> Flow:
    rows = [
        Step("gather", operation("gather", text="first rows"), "first (B, H)", "c_gather"),
        Step("linear", operation("linear", "w (H, H)", "b (H,)"), "z (B, H)", "c_linear"),
        Step("tanh", operation("tanh"), "", "c_tanh"),
    ]
    return chain("pooler", ("x (N, H)", "dx (N, H)"), rows, ("y (B, H)", "dy (B, H)"))


@flow
def order_head() -> Flow:
    rows = [
        Step("pooler", operation("pooler", "pooler (H, H)"), "pooled (B, H)", "c_pooler"),
        Step("linear", operation("linear", "sop (H, 2)"), "", "c_linear"),
    ]
    return chain("order_head", ("h (N, H)", "dh (N, H)"), rows, ("logits (B, 2)", "dlogits (B, 2)"))


@flow
def mlm_head() -> Flow:
    decoder = steps("logits = t wordᵀ + b", "dt = dlogits word", "word (V, E)", "b (V,)")
    rows = [
        Step("gather", operation("gather", text="masked rows"), "x (M, H)", "c_gather"),
        Step("dense", operation("linear", "dense (H, E)"), "t (M, E)", "c_dense"),
        Step("act", operation("gelu"), "t (M, E)", "c_act"),
        Step("norm", operation("layer_norm", "norm (E,)"), "t (M, E)", "c_norm"),
        Step("decode", decoder, "", "t (M, E)", ("g.word +=\ndlogitsᵀ t", "g.b +=\nΣ dlogits")),
    ]
    return chain("mlm_head", ("h (N, H)", "dh (N, H)"), rows, ("logits (M, V)", "dlogits (M, V)"))


Row = tuple[str, float, tuple[Box, Box], str]  # key, y, boxes, the array that leaves it
Head = tuple[str, tuple[Box, Box], str, str]  # key, boxes, its logits and their gradient


def whole(rows: Iterable[Row], heads: Iterable[Head], y: float) -> Flow:
    """A model: embeddings and body, one below the other, and from y on two heads side by side, each with its loss."""
    boxes, arrows, above, label = {"ids": value(F, 0.14, "ids (N,)")}, [], "ids", ""
    for key, height, (left, right), out in rows:
        boxes |= {key: replace(left, y=height), f"{key} backward": replace(right, y=height)}
        arrows.append(down(above, key, label))
        if above != "ids":
            side = "left" if label.startswith("hidden") else "right"
            arrows.append(up(f"{key} backward", f"{above} backward", f"d{label}", side=side))
        above, label = key, out
    boxes |= {
        "split": Box(F, y, kind="dot"), "sum backward": Box(B, y, kind="sum"), "sum": Box(F, y + 1.9, kind="sum"),
        "split backward": Box(B, y + 1.9, kind="dot"), "loss": value(F, y + 2.48, "loss ()"),
        "dloss": value(B, y + 2.48, "dloss ()"),
    }  # fmt: skip
    arrows += [
        down(above, "split", label, head=False), up("sum backward", f"{above} backward", f"d{label}"),
        down("sum", "loss"), up("dloss", "split backward", head=False),
    ]  # fmt: skip
    for (key, (left, right), logits, dlogits), shift in zip(heads, (-0.57, 0.57)):
        loss, back, loss_back = f"{key} loss", f"{key} backward", f"{key} loss backward"
        boxes |= {
            key: replace(left, x=F + shift, y=y + 0.54),
            back: replace(right, x=B - shift, y=y + 0.54),
        }
        for name, x in ((loss, F + shift), (loss_back, B - shift)):
            boxes[name] = Box(x, y + 1.43, "cross_entropy", op="cross_entropy", width=1.08)
        arrows += [
            down("split", key), down(key, loss, logits, stacked=True, tail=F + shift - 0.26), down(loss, "sum"),
            up("split backward", loss_back), up(back, "sum backward"),
            up(loss_back, back, dlogits, stacked=True, tail=B - shift - 0.26),
        ]  # fmt: skip
    return Flow(y + 2.62, grounds("model", y + 2.12), boxes, tuple(arrows), (NO_GRADIENT,))


@flow
def model() -> Flow:
    width = {"width": 1.2}
    rows = [
        ("embeddings", 1.02, operation("embeddings", "embeddings", **width), "x (N, H)"),
        ("encoder", 1.86, operation("encoder", "groups", **width), "hidden (N, H)"),
        ("fusion", 2.7, operation("fusion", "fusion", **width), "h (N, H)"),
    ]  # fmt: skip
    heads = [
        (
            "mlm",
            operation("mlm_head", "mlm", "word", width=1.08),
            "logits (M, V)",
            "dlogits (M, V)",
        ),
        (
            "order",
            operation("order_head", "pooler", "sop", width=1.08),
            "logits (B, 2)",
            "dlogits (B, 2)",
        ),
    ]
    drawing = whole(rows, heads, 3.3)
    arrows = (
        *drawing.arrows, cache("embeddings", "embeddings backward", "c_embeddings"),
        cache("encoder", "encoder backward", "c_encoder"), cache("fusion", "fusion backward", "c_fusion"),
        cache("order", "order backward", "c_head"), cache("order loss", "order loss backward", "c_loss"),
        Arrow("embeddings", "mlm", kind="parameter", lane=LEFT[0] + 0.14),
        Arrow("mlm backward", "embeddings backward", kind="gradient", lane=RIGHT[1] - 0.14),
    )  # fmt: skip
    notes = (
        *drawing.notes,
        Note(LEFT[0] + 0.2, 2.3, "word", "parameter"),
        Note(RIGHT[1] - 0.2, 2.3, "g.word", "backward", "right"),
    )
    return replace(drawing, arrows=arrows, notes=notes)


@flow
def one_page() -> Flow:
    """The functions of albert_np/one_page.py: no dropout, no fusion."""
    tables = "three tables, layer norm,\nlinear E → H"
    layer = "attention, add, layer norm,\nfeed-forward, add, layer norm"
    words, order = "linear, GELU,\nlayer norm,\nword table", "first rows,\nlinear, tanh,\nlinear"
    rows = [
        ("embeddings", 1.1, operation("embeddings", text=tables, width=1.9), "h (N, H)"),
        ("blocks", 2.26, operation("block", text=layer, title="block × L", width=2.0), "h (N, H)"),
    ]
    heads = [
        ("mlm", operation("mlm_head", text=words, width=1.08), "mlm_logits (M, V)", "dmlm (M, V)"),
        (
            "order",
            operation("order_head", text=order, width=1.08),
            "sop_logits (B, 2)",
            "dsop (B, 2)",
        ),
    ]
    return whole(rows, heads, 3.4)


@flow
def translation() -> Flow:
    tokens = ("[CLS]", "s₁", "s₂", "[SEP]", "t₁", "t₂", "[SEP]")
    source, size, left, top = 4, 0.19, 0.72, 0.62
    cells = tuple(
        tuple(int(u < max(source, t + 1)) for u in range(len(tokens))) for t in range(len(tokens))
    )
    grid = Grid(left, top, size, cells, tokens, tokens)
    row = lambda t: top + (t + 0.5) * size
    x = left + len(tokens) * size + 0.1
    notes = [
        Note(x, row(t), f"predicts {tokens[t + 1]}", "forward")
        for t in range(source - 1, len(tokens) - 1)
    ]
    lines = (
        (1, "Row: a query. Column: a key."), (2, "Dark: visible. Elsewhere the score"), (3, "is −∞, so probs and dscores are 0."),
        (5, "s: source; sees the source."), (6, "t: target; sees the source, and"), (7, "the target up to itself."),
    )  # fmt: skip
    notes += [Note(x + 1.0, row(t) - 0.5 * size, text) for t, text in lines]
    rows = [
        Step(
            "encode",
            operation("encode", "embeddings", "groups", "fusion", text="with this mask"),
            "h (N, H)",
            "c_encode",
        ),
        Step("head", operation("mlm_head", "mlm", "word"), "logits (M, V)", "c_head"),
        Step("loss", operation("cross_entropy", text="with the tokens that follow"), "", "c_loss"),
    ]
    below = moved(
        chain("translation", ("ids (N,)", ""), rows, ("loss ()", "dloss ()")),
        row(len(tokens)) + 0.1,
    )
    return replace(
        below, notes=(*notes, replace(NO_GRADIENT, y=below.boxes["top"].y)), grids=(grid,)
    )


def moved(drawing: Flow, y: float) -> Flow:
    """The drawing, further down by y."""
    frames = tuple(
        replace(frame, top=frame.top + y, bottom=frame.bottom + y) for frame in drawing.frames
    )
    boxes = {name: replace(box, y=box.y + y) for name, box in drawing.boxes.items()}
    return replace(drawing, height=drawing.height + y, frames=frames, boxes=boxes)


# optimisers: the step of one tensor


def update(title: str, rows: Iterable[tuple[str, str]], note: str) -> Flow:
    """The step of an optimiser. rows: key and text of each step between u and the new w, all of which read w."""
    u, w, y = 2.14, 4.8, 2.02  # x of the column of u, x of the line of w, y of the first u
    boxes = {
        "g": value(u, 0.14, "g"), "w": value(w, 0.14, "w"), "split": Box(u, 0.72, kind="dot"),
        "m": Box(1.24, 1.22, "m = β₁ m + (1 − β₁) g"), "v": Box(3.12, 1.22, "v = β₂ v + (1 − β₂) g²"),
        "u": Box(u, y, "u = m / (√v + ε)"),
    }  # fmt: skip
    m, v = boxes["m"].extent, boxes["v"].extent
    kept = {
        edge: ((edge, 1.28), (lane, 1.28), (lane, 1.16), (edge, 1.16))
        for edge, lane in ((m.left, m.left - 0.16), (v.right, v.right + 0.16))
    }
    arrows = [
        down("g", "split", head=False), down("split", "m", tip=m.x), down("split", "v", tip=v.x),
        down("m", "u", "m", tip=u - 0.35),
        down("v", "u", "v", tip=u + 0.35), cache("m", "m", points=kept[m.left]), cache("v", "v", points=kept[v.right]),
    ]  # fmt: skip
    above, tail = "u", "w"
    for key, text in (*rows, ("apply", "w −= rate · u")):
        y += 0.62
        boxes[key] = Box(u, y, text)
        arrows.append(down(above, key, "u"))
        if key == "apply":
            arrows.append(
                down(
                    tail,
                    key,
                    points=((w, boxes[tail].extent.bottom), (w, y), (boxes[key].extent.right, y)),
                )
            )
        else:
            boxes[f"w {key}"] = Box(w, y, kind="dot")
            arrows += [down(tail, f"w {key}", head=False), down(f"w {key}", key)]
            tail = f"w {key}"
        above = key
    boxes["new"] = value(u, y + 0.96, "w")
    arrows.append(down("apply", "new"))
    notes = (
        Note(u + 0.16, y + 0.32, "dashed: kept for the next step"),
        Note(u + 0.16, y + 0.48, note),
    )
    frame = Frame(LEFT[0], TOP, RIGHT[1], y + 0.6, "optimiser", title)
    return Flow(y + 1.1, (frame,), boxes, tuple(arrows), notes)


@flow
def adamw() -> Flow:
    return update("adamw_step", [("decay", "u += λ w")], "biases and layer norms: without + λ w")


@flow
def lamb() -> Flow:
    return update(
        "lamb_step",
        [("decay", "u += λ w"), ("trust", "u *= ‖w‖ / ‖u‖")],
        "biases and layer norms: without + λ w and ‖w‖ / ‖u‖",
    )


@flow
def legend() -> Flow:
    """How to read the drawings."""
    ys, left, right, edge = (0.22, 0.6, 0.98, 1.36), 0.5, 3.3, 0.36
    boxes = {f"{x} {y}": value(x, y, "") for x in (left, right) for y in ys}
    rows = (
        ("forward", "data and their shape"),
        ("backward", "gradients and their shape"),
        ("cache", "kept for the backward pass"),
    )
    arrows, notes = [], []
    for y, (kind, text) in zip(ys, rows):
        start, end = (left - edge, y), (left + edge, y)
        points = (end, start) if kind == "backward" else (start, end)
        arrows.append(Arrow(f"{left} {y}", f"{left} {y}", kind=kind, points=points))
        notes.append(Note(left + 0.48, y, text))
    boxes |= {
        "sum": Box(left, ys[3], kind="sum"), "op": Box(right, ys[0], "linear", op="linear"),
        "step": Box(right, ys[1], "y = x w + b"),
        "parameter": Box(right, ys[2], kind="pills", params=("w (I, O)",)),
        "gradient": Box(right, ys[3], kind="pills", grads=("g.w",)),
    }  # fmt: skip
    texts = ("an operation", "lines of the code", "a parameter", "its gradient, added to")
    notes += [Note(right + 0.56, y, text) for y, text in zip(ys, texts)]
    notes.append(Note(left + 0.48, ys[3], "two terms meet: a sum"))
    return Flow(1.58, (), boxes, tuple(arrows), tuple(notes))


def main(names: list[str]) -> None:
    """Write each of the drawings to NAME.png in the working directory."""
    if not names:
        sys.exit(f"name one or more of {', '.join(FLOWS)}")
    try:
        drawings = [draw(name) for name in names]
    except ValueError as error:
        sys.exit(str(error))
    for drawing in drawings:
        path, drawing.dpi = Path(f"{drawing.name}.png"), PRINT_DPI
        path.write_bytes(drawing._repr_png_())
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
