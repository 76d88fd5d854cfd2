"""The inspection in plain text, as the command prints it, and as values for JSON."""

from typing import TYPE_CHECKING, Any

import numpy as np

from albert_np.apps.inspect.fillings import Filling
from albert_np.apps.inspect.measures import ONE, HeadMeasures, uniform_distance

if TYPE_CHECKING:
    from albert_np.apps.inspect.record import Inspection

ANSWERS = 4  # of a filling, in a line
PATTERNS = ("itself", "previous", "next", "same token", "[CLS]", "[SEP]", "other text")  # with a column of their own
MOST_NUMBERS = 2_000_000  # of the attention weights, for them to be written as JSON
DIGITS = 5  # of a number in JSON
Row = list[str]


def summarise(seen: "Inspection") -> str:
    """Return the summary: the tokens, a line for each head, and the fillings of each [MASK] layer by layer."""
    (R, A, _, _), T = seen.attentions.shape, seen.length
    blocks = [
        f"{seen.count_tokens()}: {' '.join(seen.labels)}",
        f"{R} × {A} heads of {seen.model}; uniform attention would have the distance {uniform_distance(T):.1f} and {T} keys\n"
        + format_heads(seen),
        *(format_filling(seen, i, filling) for i, filling in enumerate(seen.fillings, 1)),
    ]
    return "\n\n".join([*blocks, *([seen.no_fillings] if seen.no_fillings else [])])


def format_heads(seen: "Inspection") -> str:
    """Return the table of the heads' measures. A share stands for the tokens that have such a partner; "-": there is none."""
    named = [name for name in PATTERNS if any(name in head.shares for head in seen.heads)]
    rows = [["layer", "head", "distance", "keys", "looks like", *named]]
    A = seen.attentions.shape[1]
    for i, head in enumerate(seen.heads):
        layer = seen.row_names[i // A].removeprefix("layer ")
        shares = (f"{head.shares[name]:.0%}" if name in head.shares else "-" for name in named)
        rows.append(
            [layer, str(head.head), f"{head.mean_distance:.1f}", f"{head.effective_keys:.1f}", seen.describe_kind(head), *shares]
        )
    return align(rows, left={0, 4})


def format_filling(seen: "Inspection", number: int, filling: Filling) -> str:
    """Return the answers of each layer for one [MASK]; * marks a best answer that is not that of the layer below."""
    best = filling.answers[-1][0][0]
    which = f"[MASK] {number}, " if len(seen.fillings) > 1 else "[MASK], "
    rows = [["", "", "answers", f"“{best}”"]]
    for name, answers, final, changed in zip(filling.layers, filling.answers, filling.final, filling.changes):
        listed = "  ".join(f"{token} {share:.0%}" for token, share in answers[:ANSWERS])
        rows.append([name, "*" if changed else "", listed, f"{final:.1%}"])
    about = "the head for masks on each hidden state (logit lens); * another best answer than before"
    return f"{which}token {filling.position + 1}: {about}\n{align(rows, left={0, 1, 2})}"


def align(rows: list[Row], left: set[int]) -> str:
    """Return rows as columns that are aligned to the right, those in `left` to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    cells = ([x.ljust(w) if i in left else x.rjust(w) for i, (x, w) in enumerate(zip(row, widths))] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in cells)


# ---- JSON ----


def as_json(seen: "Inspection") -> dict[str, Any]:
    """Return everything but the hidden states themselves.

    layer, block and head count from 1, positions from 0. attentions: rows, heads, attending tokens, attended tokens; None if
    there are more than `MOST_NUMBERS`.
    """
    small = seen.attentions.size <= MOST_NUMBERS
    return {
        "text": seen.text, "pair": seen.pair, "model": seen.model, "tokens": seen.tokens, "ids": seen.ids.tolist(),
        "token_types": seen.token_types.tolist(), "special": seen.special.tolist(), "rows": seen.row_names,
        "heads": [head_as_json(seen, head) for head in seen.heads],
        "fillings": [filling_as_json(filling) for filling in seen.fillings], "no_fillings": seen.no_fillings,
        "norms": numbers(seen.norms()), "cosines_between_layers": numbers(seen.cosines_between_layers()),
        "attentions": numbers(seen.attentions) if small else None,
    }  # fmt: skip


def head_as_json(seen: "Inspection", head: HeadMeasures) -> dict[str, Any]:
    token = {"token": seen.tokens[head.favourite]} if head.pattern == ONE else {}
    return {
        "layer": head.layer, "block": head.block, "head": head.head, "mean_distance": round(head.mean_distance, DIGITS),
        "effective_keys": round(head.effective_keys, DIGITS), "kind": head.kind, "pattern": head.pattern, **token,
        "share": round(head.share, DIGITS),
        "shares": {name: round(share, DIGITS) for name, share in head.shares.items()},
    }  # fmt: skip


def filling_as_json(filling: Filling) -> dict[str, Any]:
    layers = [
        {
            "layer": name, "changed": changed, "final_probability": round(final, 6),
            "answers": [{"piece": token, "probability": round(share, 6)} for token, share in answers],
        }
        for name, answers, final, changed in zip(filling.layers, filling.answers, filling.final, filling.changes)
    ]  # fmt: skip
    return {"position": filling.position, "layers": layers}


def numbers(array: np.ndarray) -> Any:
    """Return an array as nested lists of rounded numbers."""
    return np.round(array.astype(np.float64), DIGITS).tolist()
