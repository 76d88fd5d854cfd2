"""Small HTML tables and figures: how a notebook shows a result. All text is escaped."""

import base64
import html
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

MOST_ROWS = 60  # of a table; the others are counted
MOST_CHARACTERS = 300  # of a cell
NUMBER = re.compile(r"[-+]?[\d,.]+(e[-+]?\d+)?%?")
TABLE = "border-collapse: separate; border-spacing: 0.9em 0.2em"


def make_table(
    rows: Iterable[Sequence[Any]], head: Sequence[str] = (), title: str = "", foot: Sequence[Any] | None = None
) -> str:
    """Return an HTML table of these rows of cells; columns of numbers are aligned to the right.

    head: titles of the columns; foot: a last row, shown however many rows there are; title: a line above the table
    """
    body = [list(map(format_cell, row)) for row in rows]
    shown = [*body[:MOST_ROWS], *([list(map(format_cell, foot))] if foot is not None else [])]
    columns = zip_longest(*shown, fillvalue="")
    right = [any(column) and all(map(is_number, column)) for column in columns]
    lines = [_make_row(head, "th", right)] if any(head) else []
    lines += [_make_row(row, "td", right) for row in shown]
    parts = [f"<div><b>{html.escape(title)}</b></div>"] if title else []
    parts += [f'<table style="{TABLE}">{"".join(lines)}</table>'] if lines else []
    parts += [f"<div>{len(body) - MOST_ROWS:,} more rows are not shown</div>"] if len(body) > MOST_ROWS else []
    return "".join(parts)


def make_figure(draw: Callable[[], Any]) -> str:
    """Return the image of the matplotlib figure that `draw` returns; if it raises an exception, a line with the reason."""
    try:
        data = base64.b64encode(draw()._repr_png_()).decode()
    except Exception as error:  # a figure must not hide the numbers beside it
        return f"<div>{html.escape(str(error) or type(error).__name__)}</div>"
    return f'<img style="max-width: 100%" alt="" src="data:image/png;base64,{data}">'


def format_cell(value: Any) -> str:
    """Return a value as a cell shows it: a shape as 2×3, a number with four digits, a long text cut."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, tuple) and value and all(isinstance(each, int) for each in value):
        return "×".join(map(str, value))
    text = " ".join(str(value).split())
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def is_number(text: str) -> bool:
    """Return whether the text of a cell is a number, or empty."""
    return not text or NUMBER.fullmatch(text) is not None


def _make_row(cells: Sequence[str], tag: str, right: Sequence[bool]) -> str:
    sides = ("right" if each else "left" for each in right)
    inside = (f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>' for cell, side in zip(cells, sides))
    return f"<tr>{''.join(inside)}</tr>"
