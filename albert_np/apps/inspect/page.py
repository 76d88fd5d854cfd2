"""The page of an inspection: page.html with the weights, the tables and the names of one text in it.

The weights of all heads are one PNG image, T rows and columns of pixels for each head, a pixel 255 times the weight. The overview
shows it as it is, also without a script, and the script reads the same bytes.
"""

import base64
import html
import json
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from albert_np.apps.inspect.fillings import Filling
from albert_np.apps.inspect.measures import BROAD, LEAST_LIFT, LEAST_ROWS, LEAST_SHARE, uniform_distance

if TYPE_CHECKING:
    from albert_np.apps.inspect.record import Inspection

TEMPLATE = Path(__file__).with_name("page.html")
PLACE = re.compile(r"<!-- (\w+) -->")
COLOUR = (56, 132, 212)  # of a weight of 1, on light and on dark paper
GAMMA = 0.55  # opacity = weight ** GAMMA: small weights can be seen
SHOWN_ANSWERS = 4
LENS = (
    "The head for masks, applied to the hidden state of each layer (the “logit lens”, nostalgebraist 2020); it was trained on "
    "the last one alone. Marked: a best answer that is not that of the row above."
)
LEAST, MOST = 480, 860  # pixels: limits of the height of a frame


def make_page(seen: "Inspection") -> str:
    """Return the page, one HTML file without links to others."""
    labels, (R, A, _, _) = seen.labels, seen.attentions.shape
    data = {
        "tokens": labels, "special": seen.special.tolist(), "types": seen.token_types.tolist(), "rows": seen.row_names,
        "heads": A, "kinds": [describe(seen, i) for i in range(R * A)], "start": choose_start(seen),
    }  # fmt: skip
    parts = {
        "title": html.escape(seen.title),
        "about": html.escape(f"{seen.model}: {R} × {A} attention heads, {seen.count_tokens()}"),
        "weights": make_sprites(seen.attentions),
        "overview": make_overview(seen),
        "fillings": make_fillings(seen),
        "measures": make_measures(seen),
        "data": json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
    }
    return PLACE.sub(lambda match: parts[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def make_frame(seen: "Inspection") -> str:
    """Return the page in a frame for a notebook, and a line for front ends that show no frames."""
    above = max(100 + 50 * len(seen.attentions), 270 + 22 * len(seen.tokens))
    below = sum(100 + 29 * len(filling.layers) for filling in seen.fillings)
    height = min(max(230 + above + below, LEAST), MOST)  # roughly, in a column of 700
    page = html.escape(make_page(seen))
    style = f"box-sizing: border-box; width: 100%; height: {height}px; border: 1px solid #8884; border-radius: 6px"
    frame = f'<iframe title="attention" sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'
    return f"{frame}<div>{html.escape(repr(seen))}</div>"


def choose_start(seen: "Inspection") -> tuple[int, int]:
    """Return (row, head) of the head that is shown first: without a simple pattern, and with the fewest keys from 2 on."""
    A = seen.attentions.shape[1]
    open_ones = [i for i, head in enumerate(seen.heads) if head.kind in ("mixed", "broad") and head.effective_keys >= 2]
    first = min(open_ones, key=lambda i: seen.heads[i].effective_keys, default=0)
    return divmod(first, A)


def describe(seen: "Inspection", i: int) -> str:
    """Return the measures of head i in words."""
    head = seen.heads[i]
    kind = seen.describe_kind(head)
    return f"{kind}; distance {head.mean_distance:.1f}, {head.effective_keys:.1f} effective keys"


# ---- the picture of all weights ----


def make_sprites(weights: np.ndarray) -> str:
    """Return the style sheet with the picture of weights (R, A, T, T), and the part of it that each head shows."""
    R, A, T, _ = weights.shape
    pixels = np.rint(255 * weights.clip(0, 1)).astype(np.uint8).transpose(0, 2, 1, 3).reshape(R * T, A * T)
    data = base64.b64encode(make_png(pixels)).decode()
    size = f"background-size: {100 * A}% {100 * R}%"
    return f".head {{ background-image: url(data:image/png;base64,{data}); {size}; }}"


def make_png(pixels: np.ndarray) -> bytes:
    """Return an image with a palette as a PNG file: one colour, more opaque for larger values.   pixels (height, width) uint8

    Rows have no filter, so that a script can read the values after inflating them.
    """
    height, width = pixels.shape
    opacity = np.rint(255 * (np.arange(256) / 255) ** GAMMA).astype(np.uint8)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)), (b"PLTE", bytes(COLOUR) * 256),
        (b"tRNS", opacity.tobytes()), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""),
    )  # fmt: skip
    packed = (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


# ---- tables, which need no script ----


def make_overview(seen: "Inspection") -> str:
    """Return the table of all heads as small pictures, each a button."""
    A = seen.attentions.shape[1]
    head = "".join(f'<th scope="col">{a + 1}</th>' for a in range(A))
    lines = []
    for r, name in enumerate(seen.row_names):
        first, _, rest = name.partition(" ")
        cells = "".join(f"<td>{make_button(seen, r, a)}</td>" for a in range(A))
        lines.append(f'<tr><th scope="row"><span class="word">{first} </span>{html.escape(rest)}</th>{cells}</tr>')
    caption = "A row of pictures for each layer, a column for each head. In a picture, a row is the token that attends."
    return (
        f'<h2>All heads</h2><div class="scroll"><table class="grid"><caption>{caption}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def make_button(seen: "Inspection", r: int, a: int) -> str:
    R, A, _, _ = seen.attentions.shape
    left, top = (100 * i / max(n - 1, 1) for i, n in ((a, A), (r, R)))
    title = html.escape(f"{seen.row_names[r]}, head {a + 1}: {describe(seen, r * A + a)}")
    return (
        f'<button type="button" class="head" data-row="{r}" data-head="{a}" title="{title}" aria-label="{title}" '
        f'style="background-position: {left:.4g}% {top:.4g}%"></button>'
    )


def make_fillings(seen: "Inspection") -> str:
    """Return a table for each [MASK]: the answers of each layer, and how probable the final one is there."""
    if not seen.fillings:
        return f'<h2>Fillings by layer</h2><p class="soft">{html.escape(seen.no_fillings)}.</p>'
    tables = "".join(make_filling(seen, i, filling) for i, filling in enumerate(seen.fillings, 1))
    return f'<h2>Fillings of [MASK] by layer</h2><p class="soft">{html.escape(LENS)}</p>{tables}'


def make_filling(seen: "Inspection", number: int, filling: Filling) -> str:
    best = filling.answers[-1][0][0]
    named = "" if len(seen.fillings) == 1 else f"[MASK] {number}, token {filling.position + 1}. "
    lines = []
    for name, answers, final, changed in zip(filling.layers, filling.answers, filling.final, filling.changes):
        texts = [f"<span>{html.escape(token)} <small>{share:.0%}</small></span>" for token, share in answers[:SHOWN_ANSWERS]]
        texts[0] = f'<span class="changed">{texts[0]}</span>' if changed else texts[0]
        bar = f'<span class="bar"><i style="width: {100 * final:.3g}%"></i></span>{final:.1%}'
        cells = f'<td class="best">{texts[0]}</td><td class="soft">{", ".join(texts[1:])}</td><td class="number">{bar}</td>'
        lines.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    head = f'<th></th><th scope="col">best</th><th scope="col">next</th><th scope="col">“{html.escape(best)}”</th>'
    caption = f"<caption>{named}Last column: the probability of the model’s own answer.</caption>"
    return (
        f'<div class="scroll"><table class="data fillings">{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def make_measures(seen: "Inspection") -> str:
    """Return the table of the heads' measures, folded."""
    T = seen.length
    names = list(dict.fromkeys(name for head in seen.heads for name in head.shares))
    titles = ["layer", "head", "looks like", "distance", "keys", *names]
    classes = ["number", "number", "kind", *(["number"] * (2 + len(names)))]
    rows: list[Sequence[str]] = []
    for i, head in enumerate(seen.heads):
        shares = (f"{head.shares[name]:.0%}" if name in head.shares else "" for name in names)
        layer = seen.row_names[i // seen.attentions.shape[1]].removeprefix("layer ")
        rows.append(
            (layer, str(head.head), seen.describe_kind(head), f"{head.mean_distance:.1f}", f"{head.effective_keys:.1f}", *shares)
        )
    body = "".join(f"<tr>{''.join(map(make_cell, row, classes))}</tr>" for row in rows)
    head_line = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in titles)
    about = html.escape(
        f"Distance: mean number of tokens between the two. Keys: effective number of tokens attended to, exp(entropy). Uniform "
        f"attention has {uniform_distance(T):.1f} and {T}. The other columns are mean weights on a pattern, over the tokens that "
        f"have such a partner. A head looks like the pattern with the largest one, if that is at least {LEAST_SHARE:.0%} and "
        f"{LEAST_LIFT:g} times that of uniform attention, and {LEAST_ROWS:.0%} of the tokens have one; else it is broad "
        f"({BROAD:.0%} of all tokens or more) or mixed."
    )
    return (
        f'<details><summary>Measures of every head</summary><p class="soft">{about}</p><div class="scroll"><table class="data">'
        f"<thead><tr>{head_line}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def make_cell(text: str, kind: str) -> str:
    return f'<td class="{kind}">{html.escape(text)}</td>'
