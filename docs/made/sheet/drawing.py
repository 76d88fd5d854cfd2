"""The model as a drawing: the forward pass from left to right, the backward pass below it from right to left."""

from collections.abc import Iterator

WIDTH, HEIGHT = 192, 54  # mm
STYLE = """
.sheet-model { font: 2.7px "Helvetica Neue", Arial, "Liberation Sans", sans-serif; width: 100%; height: auto; }
.sheet-model .name { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; letter-spacing: -.05px; }
.sheet-model text { text-anchor: middle; fill: var(--sheet-text, #15191f); }
.sheet-model rect { fill: var(--sheet-box, #f3f6fb); stroke: var(--sheet-forward, #1f4e8c); stroke-width: .3; }
.sheet-model rect.frame { fill: none; stroke-dasharray: 1 .8; stroke-width: .2; }
.sheet-model path { fill: none; stroke-width: .35; stroke: var(--sheet-forward, #1f4e8c); marker-end: url(#sheet-forward); }
.sheet-model path.back { stroke: var(--sheet-backward, #b3541e); marker-end: url(#sheet-backward); }
.sheet-model text.forward, .sheet-model #sheet-forward path { fill: var(--sheet-forward, #1f4e8c); }
.sheet-model text.back, .sheet-model #sheet-backward path { fill: var(--sheet-backward, #b3541e); }
.sheet-model marker path { stroke: none; marker-end: none; }
.sheet-model text.left { text-anchor: start; }
"""
MARKERS = "".join(
    f'<marker id="sheet-{name}" viewBox="0 0 4 4" refX="3.6" refY="2" markerWidth="4.5" markerHeight="4.5" orient="auto">'
    '<path d="M0 0 4 2 0 4z"/></marker>'
    for name in ("forward", "backward")
)
APART = 1.1  # half of the distance between an arrow and the one back


def draw_model() -> str:
    """Return an SVG image: the whole model, and below it a block and the attention in it."""
    title = "<title>The model, a block, and the attention in it, with what flows forward and backward</title>"
    shapes = "".join((*whole_model(12), *block(40), *inside_attention(40)))
    return (
        f'<svg class="sheet-model" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">{title}'
        f"<style>{STYLE}</style><defs>{MARKERS}</defs>{shapes}</svg>"
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.4g}" y="{y:.4g}" class="{kind}">{words}</text>'


def box(x: float, y: float, width: float, name: str) -> str:
    """A box around (x + width / 2, y)."""
    return f'<rect x="{x:.4g}" y="{y - 3:.4g}" width="{width:.4g}" height="6" rx="1"/>' + text(
        x + width / 2, y + 0.9, name, "name"
    )


def arrows(x1: float, x2: float, y: float, forward: str, back: str, y2: float | None = None) -> str:
    """An arrow from (x1, y) to (x2, y2), one back below it, and what flows along them."""
    y2 = y if y2 is None else y2
    middle, high = (x1 + x2) / 2, (y + y2) / 2
    aside = 0.6 * abs(y2 - y) / 2
    return (
        f'<path d="M{x1 + 0.4:.4g} {y - APART:.4g}L{x2 - 0.4:.4g} {y2 - APART:.4g}"/>'
        f'<path class="back" d="M{x2 - 0.4:.4g} {y2 + APART:.4g}L{x1 + 0.4:.4g} {y + APART:.4g}"/>'
        + text(middle, high - APART - 0.9 - aside, forward, "forward")
        + text(middle, high + APART + 2.9 + aside, back, "back")
    )


def around(x1: float, x2: float, y: float, forward: str, back: str) -> str:
    """The residual connection: arrows past a box, above it and below."""
    return (
        f'<path d="M{x1:.4g} {y - APART:.4g}v-4.6q0 -1 1 -1H{x2 - 1:.4g}q1 0 1 1v2.3"/>'
        f'<path class="back" d="M{x2:.4g} {y + 3.2:.4g}v2.4q0 1 -1 1H{x1 + 1:.4g}q-1 0 -1 -1v-4.2"/>'
        + text((x1 + x2) / 2, y - 7.4, forward, "forward")
        + text((x1 + x2) / 2, y + 9.5, back, "back")
    )


def whole_model(y: float) -> Iterator[str]:
    yield text(0, y - 0.4, "ids", "left")
    yield text(0, y + 2.6, "(N)", "left")
    yield f'<path d="M5.5 {y}H13.6"/>'
    yield box(14, y, 20, "embeddings")
    yield arrows(34, 48, y, "x (N, H)", "dx")
    for shift in (2, 1, 0):
        yield box(48 + 0.9 * shift, y - 0.9 * shift, 13, "" if shift else "layer")
    yield text(55.5, y - 6.6, "L times, one set of parameters")
    yield arrows(63.5, 79, y, "h₀, h₁, …", "dh₀, dh₁, …")
    yield box(79, y, 21, "fuse_levels")
    for up, head, shape, back in ((-6, "mlm_head", "z₁ (M, V)", "dz₁"), (6, "order_head", "z₂ (B, 2)", "dz₂")):
        yield arrows(100, 115, y, "h" if up < 0 else "", "" if up < 0 else "dh", y + up)
        yield box(115, y + up, 19, head)
        yield arrows(134, 147, y + up, shape, back)
        yield box(147, y + up, 24, "cross_entropy")
        yield arrows(171, 183, y + up, "", "", y)
    yield text(187.6, y + 0.9, "loss ()")


def block(y: float) -> Iterator[str]:
    yield '<rect class="frame" x="0.2" y="27.5" width="117" height="26" rx="1.5"/>'
    yield text(2, 52.3, "block", "name left")
    yield text(3, y + 0.9, "x")
    yield arrows(4.5, 17, y, "", "")
    yield around(9, 48.5, y, "x", "dx")
    yield box(17, y, 17, "attention")
    yield arrows(34, 41, y, "a", "da")
    yield box(41, y, 15, "add_norm")
    yield arrows(56, 68, y, "", "")
    yield around(61, 103.5, y, "h", "dh")
    yield box(68, y, 21, "feed_forward")
    yield arrows(89, 96, y, "f", "df")
    yield box(96, y, 15, "add_norm")
    yield text(114.5, y + 0.9, "y")


def inside_attention(y: float) -> Iterator[str]:
    yield '<rect class="frame" x="121" y="27.5" width="70.8" height="26" rx="1.5"/>'
    yield text(123, 52.3, "attention", "name left")
    yield text(123.5, y + 0.9, "x")
    for up, name, right, down in ((-7, "q", 152, 0.4), (0, "k", 147.4, -1.9), (7, "v", 147.2, -2.8)):
        yield arrows(125, 133, y, "", "", y + up)
        yield box(133, y + up, 12, "linear")
        yield arrows(145, 158, y + up, "", "", y + up / 3)
        yield text(right, y + up + down, name, "forward")
    yield text(153, 52.3, "dq, dk, dv", "back")
    yield box(158, y, 13, "attend")
    yield arrows(171, 178, y, "c", "dc")
    yield box(178, y, 12, "linear")
