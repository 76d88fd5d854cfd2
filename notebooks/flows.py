"""The data-flow drawings of the course: `draw("layer_norm")`.

All speak one language. Data flow down the dark arrows on the left; gradients return up the orange arrows on the right, where each
step stands at the height of the step that it undoes. A dashed arrow carries what the forward pass keeps for the backward pass.
A rounded label is a parameter, or a gradient that is added to. The ground has the colour that the operation has as a box
of a larger drawing: linear, feed_forward, block, encoder, model.
"""

from collections.abc import Callable
from typing import Any

from flow_drawing import BACKWARD as B
from flow_drawing import FORWARD as F
from flow_drawing import WIDTH, Arrow, Box, Drawing, Flow, Frame, Note

LEFT, RIGHT = (
    (0.06, 2 * F - 0.06),
    (WIDTH - 2 * F + 0.06, WIDTH - 0.06),
)  # the edges of the two grounds


def draw(name: str) -> Drawing:
    """Return the drawing of an operation. A notebook's cell ends with this call; names: `NAMES`."""
    if name not in FLOWS:
        raise ValueError(f"name: expected one of {', '.join(FLOWS)}, got {name!r}")
    return Drawing(name, FLOWS[name]())


FLOWS: dict[str, Callable[[], Flow]] = {}


def flow(function: Callable[[], Flow]) -> Callable[[], Flow]:
    """Enter a drawing under the name of its function."""
    FLOWS[function.__name__] = function
    return function


def grounds(
    op: str, top: float, bottom: float, title: str = "", left: str = "", right: str = ""
) -> tuple[Frame, Frame]:
    """The grounds of both sides, with a title and a note at the foot of each."""
    return (
        Frame(LEFT[0], top, LEFT[1], bottom, op, title or op, "forward", left),
        Frame(RIGHT[0], top, RIGHT[1], bottom, op, title or op, "backward", right),
    )


def value(x: float, y: float, text: str) -> Box:
    return Box(x, y, text, "value")


def stack(x: float, y: float, text: str) -> Box:
    return Box(x, y, text, "stack")


def grad(x: float, y: float, text: str) -> Box:
    return Box(x, y, text, "grad")


def down(*names: str, **options: Any) -> Arrow:
    return Arrow(*names, **options)


def up(*names: str, **options: Any) -> Arrow:
    return Arrow(*names, kind="backward", **options)


def cache(*names: str, **options: Any) -> Arrow:
    return Arrow(*names, kind="cache", **options)


@flow
def linear() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, I)"), "dx": value(B, 0.14, "dx (N, I)"),
        "affine": Box(F, 1.18, "y = x w + b", params=("w (I, O)", "b (O,)")),
        "to x": Box(B, 0.95, "dx = dy wᵀ"), "split": Box(B, 1.46, kind="dot"),
        "to w": grad(B - 0.68, 1.46, "g.w +=\nxᵀ dy"), "to b": grad(B + 0.68, 1.46, "g.b +=\nΣ rows of dy"),
        "y": value(F, 2.16, "y (N, O)"), "dy": value(B, 2.16, "dy (N, O)"),
    }  # fmt: skip
    arrows = (
        down("x", "affine"), down("affine", "y"), cache("affine", "to w", "x (N, I)", tail=1.3),
        up("dy", "split", head=False), up("split", "to x"), up("to x", "dx"), up("split", "to w"), up("split", "to b"),
    )  # fmt: skip
    return Flow(2.3, grounds("linear", 0.36, 1.84), boxes, arrows, functions=("linear",))


@flow
def softmax() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, W)"), "dx": value(B, 0.14, "dx (N, W)"),
        "exp": Box(F, 0.95, "e = exp(x − row max of x)"), "divide": Box(F, 1.56, "y = e / row sum of e"),
        "to x": Box(B, 1.56, "s = row sum of dy · y\ndx = y · (dy − s)"),
        "y": value(F, 2.2, "y (N, W)"), "dy": value(B, 2.2, "dy (N, W)"),
    }  # fmt: skip
    arrows = (
        down("x", "exp"), down("exp", "divide", "e (N, W)"), down("divide", "y"), cache("divide", "to x", "y (N, W)"),
        up("dy", "to x"), up("to x", "dx"),
    )  # fmt: skip
    return Flow(2.34, grounds("softmax", 0.36, 1.88), boxes, arrows, functions=("softmax",))


@flow
def cross_entropy() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (M, C)"), "dx": value(B, 0.14, "dx (M, C)"),
        "exp": Box(F, 0.96, "shifted = x − row max of x"),
        "probs": Box(F, 1.66, "e = exp(shifted)\nprobs = e / row sum of e"),
        "nll": Box(F, 2.46, "nll = log(row sum of e)\n− shifted[label]"),
        "sum": Box(F, 3.26, "scaled = weights / number\nloss = Σ nll · scaled"),
        "to x": Box(B, 2.46, "dx = dloss · scaled ·\n(probs − 1[label])", height=1.2),
        "loss": value(F, 3.98, "loss ()"), "dloss": value(B, 3.98, "dloss ()"),
    }  # fmt: skip
    arrows = (
        down("x", "exp"), down("exp", "probs", "shifted (M, C)"), down("probs", "nll", "e (M, C)"), down("nll", "sum", "nll (M,)"),
        down("sum", "loss"), cache("probs", "to x", "probs (M, C)", tip=2.06),
        cache("nll", "to x", "picked (M,)", tail=2.46, tip=2.46), cache("sum", "to x", "scaled (M,)", tip=2.86),
        up("dloss", "to x"), up("to x", "dx"),
    )  # fmt: skip
    return Flow(
        4.12, grounds("cross_entropy", 0.36, 3.66), boxes, arrows, functions=("cross_entropy",)
    )


@flow
def layer_norm() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, W)"), "dx": value(B, 0.14, "dx (N, W)"),
        "centre": Box(F, 0.96, "centred = x − mean(x)"),
        "rstd": Box(F, 1.66, "variance = mean(centred²)\nrstd = 1 / √(variance + ε)"),
        "xhat": Box(F, 2.36, "xhat = centred · rstd"),
        "scale": Box(F, 3.08, "y = xhat · gamma + beta", params=("gamma (W,)", "beta (W,)")),
        "to x": Box(B, 1.66, "dx = rstd · (dxhat\n− mean(dxhat)\n− xhat · mean(dxhat · xhat))"),
        "to xhat": Box(B, 2.5, "dxhat = dy · gamma"), "split": Box(B, 3.08, kind="dot"),
        "to gamma": grad(B - 0.66, 3.08, "g.gamma +=\nΣ dy · xhat"), "to beta": grad(B + 0.69, 3.08, "g.beta +=\nΣ dy"),
        "y": value(F, 3.8, "y (N, W)"), "dy": value(B, 3.8, "dy (N, W)"),
    }  # fmt: skip
    arrows = (
        down("x", "centre"), down("centre", "rstd", "centred (N, W)"), down("rstd", "xhat", "rstd (N, 1)"), down("xhat", "scale", "xhat (N, W)"),
        down("scale", "y"), cache("rstd", "to x", "rstd (N, 1)", tail=1.6, tip=1.6), cache("xhat", "to gamma", "xhat (N, W)", tip=3.08),
        cache("xhat", "to x", tip=1.8),
        up("dy", "split", head=False), up("split", "to xhat"), up("to xhat", "to x", "dxhat (N, W)"), up("to x", "dx"),
        up("split", "to gamma"), up("split", "to beta"),
    )  # fmt: skip
    return Flow(3.94, grounds("layer_norm", 0.36, 3.48), boxes, arrows, functions=("layer_norm",))


@flow
def attention_head() -> Flow:
    boxes = {
        "q": stack(F - 0.3, 0.2, "q (T, D)"), "k": stack(F + 0.25, 0.2, "k (T, D)"), "v": stack(F + 0.84, 0.2, "v (T, D)"),
        "dq": stack(B - 0.3, 0.2, "dq (T, D)"), "dk": stack(B + 0.25, 0.2, "dk (T, D)"), "dv": stack(B + 0.84, 0.2, "dv (T, D)"),
        "scores": Box(F - 0.06, 1.25, "scores = q kᵀ / √D"), "softmax": Box(F - 0.06, 1.95, "softmax", op="softmax"),
        "dropout": Box(F - 0.06, 2.55, "dropout", op="dropout"), "average": Box(F + 0.2, 3.2, "context = dropped v"),
        "products": Box(B - 0.06, 1.25, "dproduct = dscores / √D\ndq = dproduct k\ndk = dproductᵀ q"),
        "softmax backward": Box(B - 0.06, 1.95, "softmax", op="softmax"), "dropout backward": Box(B - 0.06, 2.55, "dropout", op="dropout"),
        "average backward": Box(B + 0.1, 3.2, "ddropped = dcontext vᵀ\ndv = droppedᵀ dcontext"),
        "context": value(F, 3.92, "context (T, D)"), "dcontext": value(B, 3.92, "dcontext (T, D)"),
    }  # fmt: skip
    arrows = (
        down("q", "scores"), down("k", "scores"), down("v", "average"), down("scores", "softmax", "scores (T, T)"),
        down("softmax", "dropout", "probs (T, T)"), down("dropout", "average", "dropped (T, T)"), down("average", "context", tail=F),
        up("dcontext", "average backward"), up("average backward", "dropout backward", "ddropped (T, T)", tail=B - 0.06),
        up("dropout backward", "softmax backward", "dprobs (T, T)"), up("softmax backward", "products", "dscores (T, T)"),
        up("products", "dq", tail=B - 0.3), up("products", "dk", tail=B + 0.25), up("average backward", "dv", tail=B + 0.84),
        cache("scores", "products", "q, k (T, D)"), cache("softmax", "softmax backward", "probs (T, T)"),
        cache("dropout", "dropout backward", "keep (T, T)"), cache("average", "average backward", "dropped, v"),
    )  # fmt: skip
    return Flow(4.06, grounds("attend", 0.44, 3.56), boxes, arrows, functions=("attend",))


@flow
def attention() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, H)"),
        "dx": value(B, 0.14, "dx (N, H)"),
        "split": Box(F, 0.86, kind="dot"),
        "sum": Box(B, 0.86, kind="sum"),
    }
    arrows: list[Arrow] = [down("x", "split", head=False), up("sum", "dx")]
    for shift, name in ((-0.75, "query"), (0, "key"), (0.75, "value")):
        boxes[name] = Box(F + shift, 1.36, "linear", op="linear", params=(name,), width=0.7)
        boxes[f"{name} backward"] = Box(
            B + shift, 1.36, "linear", op="linear", grads=(f"g.{name}",), width=0.71
        )
        arrows += [
            down("split", name), down(name, "attend", f"{name[0]} (N, H)", tail=F + shift), up(f"{name} backward", "sum"),
            up("attend backward", f"{name} backward", f"d{name[0]} (N, H)", tail=B + shift),
        ]  # fmt: skip
    boxes |= {
        "attend": Box(F, 2.22, "attend\neach sequence, A heads", op="attend", width=2.12),
        "attend backward": Box(B, 2.22, "attend\neach sequence, A heads", op="attend", width=2.12),
        "output": Box(F, 3.06, "linear", op="linear", params=("output (H, H)",)),
        "output backward": Box(B, 3.06, "linear", op="linear", grads=("g.output",)),
        "y": value(F, 3.74, "y (N, H)"), "dy": value(B, 3.74, "dy (N, H)"),
    }  # fmt: skip
    arrows += [
        down("attend", "output", "context (N, H)"), down("output", "y"), up("dy", "output backward"),
        up("output backward", "attend backward", "dcontext (N, H)"), cache("value", "query backward", "x (N, H)"),
        cache("attend", "attend backward", "c_attend"), cache("output", "output backward", "c_output"),
    ]  # fmt: skip
    return Flow(
        3.88, grounds("attention", 0.36, 3.4), boxes, tuple(arrows), functions=("attention",)
    )


@flow
def feed_forward() -> Flow:
    boxes = {"x": value(F, 0.14, "x (N, H)"), "dx": value(B, 0.14, "dx (N, H)")}
    rows = [
        ("in", 1.0, "linear", "intermediate (H, F)"),
        ("act", 1.7, "gelu", ""),
        ("out", 2.4, "linear", "output (F, H)"),
    ]
    for name, y, op, param in rows:
        boxes[name] = Box(F, y, op, op=op, params=(param,) if param else ())
        boxes[f"{name} backward"] = Box(
            B, y, op, op=op, grads=(f"g.{param.split()[0]}",) if param else ()
        )
    boxes |= {"y": value(F, 3.1, "y (N, H)"), "dy": value(B, 3.1, "dy (N, H)")}
    arrows = (
        down("x", "in"), down("in", "act", "z (N, F)"), down("act", "out", "a (N, F)"), down("out", "y"),
        up("dy", "out backward"), up("out backward", "act backward", "da (N, F)"), up("act backward", "in backward", "dz (N, F)"),
        up("in backward", "dx"), cache("in", "in backward", "c_in"), cache("act", "act backward", "c_act"), cache("out", "out backward", "c_out"),
    )  # fmt: skip
    return Flow(
        3.24, grounds("feed_forward", 0.36, 2.76), boxes, arrows, functions=("feed_forward",)
    )


@flow
def add_norm() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, W)"), "f": value(F + 0.74, 0.14, "f (N, W)"),
        "dx": value(B, 0.14, "dx (N, W)"), "df": value(B + 0.74, 0.14, "df (N, W)"),
        "dropout": Box(F + 0.74, 0.98, "dropout", op="dropout"), "dropout backward": Box(B + 0.74, 0.98, "dropout", op="dropout"),
        "sum": Box(F, 1.52, kind="sum"), "split": Box(B, 1.52, kind="dot"),
        "norm": Box(F, 2.1, "layer_norm", op="layer_norm", params=("gamma (W,)", "beta (W,)")),
        "norm backward": Box(B, 2.1, "layer_norm", op="layer_norm", grads=("g.gamma", "g.beta")),
        "y": value(F, 2.8, "y (N, W)"), "dy": value(B, 2.8, "dy (N, W)"),
    }  # fmt: skip
    arrows = (
        down("x", "sum"), down("f", "dropout"), down("dropout", "sum"), down("sum", "norm"), down("norm", "y"),
        up("dy", "norm backward"), up("norm backward", "split", head=False), up("split", "dx"), up("split", "dropout backward"),
        up("dropout backward", "df"), cache("dropout", "dropout backward", "c_dropout"), cache("norm", "norm backward", "c_norm"),
    )  # fmt: skip
    return Flow(2.94, grounds("add_norm", 0.36, 2.46), boxes, arrows, functions=("add_norm",))


@flow
def block() -> Flow:
    boxes = {"x": value(F, 0.14, "x (N, H)"), "dx": value(B, 0.14, "dx (N, H)")}
    rows = [
        ("attention", 1.3, "attention", ""), ("norm a", 1.98, "add_norm", "attention_norm"),
        ("ffn", 3.1, "feed_forward", "ffn"), ("norm f", 3.78, "add_norm", "ffn_norm"),
    ]  # fmt: skip
    for name, y, op, param in rows:
        param = param or op
        boxes[name] = Box(F + 0.08, y, op, op=op, params=(param,), width=1.3)
        boxes[f"{name} backward"] = Box(B - 0.08, y, op, op=op, grads=(f"g.{param}",), width=1.45)
    boxes |= {
        "split x": Box(F + 0.08, 0.9, kind="dot"), "split h": Box(F + 0.08, 2.64, kind="dot"),
        "sum x": Box(B - 0.08, 0.9, kind="sum"), "sum h": Box(B - 0.08, 2.64, kind="sum"),
        "y": value(F + 0.08, 4.46, "y (N, H)"), "dy": value(B - 0.08, 4.46, "dy (N, H)"),
    }  # fmt: skip
    left, right = 0.26, WIDTH - 0.26
    arrows = (
        down("x", "split x", head=False), down("split x", "attention"), down("attention", "norm a", "a (N, H)"),
        down("split x", "norm a", lane=left), down("norm a", "split h", "h (N, H)", head=False), down("split h", "ffn"),
        down("split h", "norm f", lane=left), down("ffn", "norm f", "f (N, H)"), down("norm f", "y"),
        up("dy", "norm f backward"), up("norm f backward", "ffn backward", "df (N, H)"), up("norm f backward", "sum h", "dh", lane=right, side="left"),
        up("ffn backward", "sum h"), up("sum h", "norm a backward", "dh (N, H)"), up("norm a backward", "attention backward", "da (N, H)"),
        up("norm a backward", "sum x", "dx", lane=right, side="left"), up("attention backward", "sum x"), up("sum x", "dx"),
        cache("attention", "attention backward", "c_attention"), cache("norm a", "norm a backward", "c_norm_a"),
        cache("ffn", "ffn backward", "c_ffn"), cache("norm f", "norm f backward", "c_norm_f"),
    )  # fmt: skip
    return Flow(4.6, grounds("block", 0.36, 4.1), boxes, arrows, functions=("block",))


@flow
def encoder() -> Flow:
    boxes = {
        "x": value(F, 0.14, "x (N, H)"), "dx": value(B, 0.14, "dx (N, H)"),
        "again": Box(F, 0.95, kind="dot"), "done": Box(F, 2.1, kind="dot"),
        "block": Box(F, 1.52, "block", op="block", params=("groups",), width=1.2),
        "block backward": Box(B, 1.52, "block", op="block", grads=("g.groups",), width=1.2),
        "again backward": Box(B, 2.1, kind="dot"), "done backward": Box(B, 0.95, kind="dot"),
        "hidden": value(F, 3.04, "hidden[L] (N, H)"), "dhidden": value(B, 3.04, "dhidden[L] (N, H)"),
    }  # fmt: skip
    arrows = (
        down("x", "again", head=False), down("again", "block"), down("block", "done", head=False), down("done", "hidden"),
        down("done", "again", lane=0.3), up("dhidden", "again backward", head=False), up("again backward", "block backward"),
        up("block backward", "done backward", head=False), up("done backward", "dx"), up("done backward", "again backward", lane=WIDTH - 0.3),
        cache("block", "block backward", "c_layers"),
    )  # fmt: skip
    notes = (
        Note(0.42, 1.52, "× L", align="left"),
        Note(WIDTH - 0.42, 1.52, "× L", "backward", "right"),
    )
    frames = grounds(
        "encoder", 0.36, 2.7, left="the same parameters L times", right="g is added to L times"
    )
    return Flow(3.18, frames, boxes, arrows, notes, functions=("encoder",))


@flow
def fusion() -> Flow:
    boxes, arrows = {}, []
    for i, level in enumerate(("low", "high")):
        boxes[level] = value(F - 0.1 + 0.8 * i, 0.14, f"{level} (N, H)")
        boxes[f"d{level}"] = value(B - 0.1 + 0.8 * i, 0.14, f"d{level} (N, H)")
    boxes |= {
        "both": Box(F + 0.2, 0.98, "both = [low, high]"), "linear": Box(F + 0.2, 1.72, "linear", op="linear", params=("w (2H, H)", "b (H,)")),
        "tanh": Box(F + 0.2, 2.42, "h = tanh(z)"), "h": value(F + 0.2, 3.04, "h (N, H)"),
        "both backward": Box(B + 0.2, 0.98, "[dlow, dhigh] = dboth"),
        "linear backward": Box(B + 0.2, 1.72, "linear", op="linear", grads=("g.w", "g.b")),
        "tanh backward": Box(B + 0.2, 2.42, "dz = dh · (1 − h²)"), "dh": value(B + 0.2, 3.04, "dh (N, H)"),
    }  # fmt: skip
    arrows = (
        down("low", "both"), down("high", "both"), down("both", "linear", "both (N, 2H)"), down("linear", "tanh", "z (N, H)"), down("tanh", "h"),
        up("dh", "tanh backward"), up("tanh backward", "linear backward", "dz (N, H)"), up("linear backward", "both backward", "dboth (N, 2H)"),
        up("both backward", "dlow", tail=B - 0.1), up("both backward", "dhigh", tail=B + 0.7),
        cache("linear", "linear backward", "both (N, 2H)"), cache("tanh", "tanh backward", "h (N, H)"),
    )  # fmt: skip
    return Flow(3.18, grounds("fuse", 0.36, 2.7), boxes, arrows, functions=("fuse",))


@flow
def model() -> Flow:
    boxes, arrows = {}, []
    for x, d in ((F, ""), (B, " backward")):
        pills = "grads" if d else "params"
        g = "g." if d else ""
        boxes |= {
            f"embeddings{d}": Box(x, 1.0, "embeddings", op="embeddings", width=1.4, **{pills: (f"{g}embeddings",)}),
            f"encoder{d}": Box(x, 1.8, "encoder", op="encoder", width=1.4, **{pills: (f"{g}groups",)}),
            f"fusion{d}": Box(x, 2.6, "fusion", op="fuse", width=1.4, **{pills: (f"{g}fusion",)}),
            f"mlm{d}": Box(x - 0.56, 3.6, "mlm_head", op="mlm_head", width=0.95, **{pills: (f"{g}mlm",)}),
            f"order{d}": Box(x + 0.56, 3.6, "order_head", op="order_head", width=0.95, **{pills: (f"{g}pooler",)}),
            f"mlm loss{d}": Box(x - 0.56, 4.4, "cross_\nentropy", op="cross_entropy", width=0.95),
            f"order loss{d}": Box(x + 0.56, 4.4, "cross_\nentropy", op="cross_entropy", width=0.95),
        }  # fmt: skip
    boxes |= {
        "ids": value(F, 0.14, "ids (N,)"), "split": Box(F, 3.16, kind="dot"), "sum": Box(F, 5.0, kind="sum"), "loss": value(F, 5.5, "loss ()"),
        "sum backward": Box(B, 3.16, kind="sum"), "split backward": Box(B, 5.0, kind="dot"), "dloss": value(B, 5.5, "dloss ()"),
    }  # fmt: skip
    arrows = (
        down("ids", "embeddings"), down("embeddings", "encoder", "x (N, H)"), down("encoder", "fusion", "hidden"), down("fusion", "split", "h (N, H)", head=False),
        down("split", "mlm"), down("split", "order"), down("mlm", "mlm loss", "(M, V)"), down("order", "order loss", "(B, 2)"),
        down("mlm loss", "sum"), down("order loss", "sum"), down("sum", "loss"),
        up("dloss", "split backward", head=False), up("split backward", "mlm loss backward"), up("split backward", "order loss backward"),
        up("mlm loss backward", "mlm backward", "(M, V)"), up("order loss backward", "order backward", "(B, 2)"),
        up("mlm backward", "sum backward"), up("order backward", "sum backward"), up("sum backward", "fusion backward", "dh (N, H)"),
        up("fusion backward", "encoder backward", "dlevels"), up("encoder backward", "embeddings backward", "dx (N, H)"),
        cache("embeddings", "embeddings backward", "c_embeddings"), cache("encoder", "encoder backward", "c_encoder"),
        cache("fusion", "fusion backward", "c_fusion"),
    )  # fmt: skip
    return Flow(5.64, grounds("model", 0.36, 5.2), boxes, arrows, functions=("pretraining",))
