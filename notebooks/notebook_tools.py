"""Shared by the notebooks: the library's source in place, comparisons, figures that read on any page, exercises that check
themselves."""

import dis
import inspect
import os
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

# blue, orange, green, pale blue: distinguishable with any kind of colour vision
INK, SECOND, THIRD, PALE = "#1f4e8c", "#b3541e", "#3c7a3e", "#b7cbe6"


def show(*functions: Callable[..., Any]) -> Any:
    """Display the source of these functions as it stands in the library; of an operation, that of the reference."""
    from IPython.display import Markdown

    sources = (textwrap.dedent(inspect.getsource(inspect.unwrap(each))) for each in functions)
    # Markdown takes the page's own colours, in light and in dark
    return Markdown("```python\n{}\n```".format("\n\n\n".join(map(str.rstrip, sources))))


def passed(rows: Iterable[Any]) -> bool:
    """Print the rows of a gradient check, one line per tensor, and return whether all of them passed."""
    rows = list(rows)
    print("\n".join(map(str, rows)))
    return bool(rows) and all(row.passed for row in rows)


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two arrays, or tuples of arrays, are equal up to the rounding of float64."""
    ours, theirs = ((x if isinstance(x, tuple) else (x,)) for x in (ours, theirs))
    return len(ours) == len(theirs) and all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-11, atol=1e-13)
        for a, b in zip(ours, theirs)
    )


def exercise(number: int, answer: Any, check: Callable[[Any], Any]) -> None:
    """Print whether an exercise is solved. An answer that is still empty (None, or a function with the body `...`) is no error.

    For any other, AssertionError is raised unless `check(answer)` is true. With the environment variable ALBERT_NP_SOLVED, which
    the tests of the solutions set, an empty answer raises it, too.
    """
    if is_empty(answer):
        assert not os.environ.get("ALBERT_NP_SOLVED"), f"exercise {number} is not solved"
        print(f"Exercise {number}: not solved yet.")
        return
    assert check(answer), f"exercise {number}: not right yet"
    print(f"Exercise {number}: right.")


def is_empty(answer: Any) -> bool:
    """Return whether an answer is None or Ellipsis, or a function that has no more than a docstring and `...`."""
    if not inspect.isfunction(answer):
        return answer is None or answer is Ellipsis
    names = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return all(
        step.opname in names and step.argval in (None, 0) for step in dis.get_instructions(answer)
    )


def plain(width: float = 7, height: float = 3.2) -> Any:
    """Set the style of the figures: white ground (readable on light and dark pages), no box, faint grid; sizes in inches."""
    import matplotlib

    matplotlib.rcParams.update({
        "figure.figsize": (width, height), "figure.dpi": 90, "figure.facecolor": "white", "savefig.facecolor": "white",
        "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "grid.alpha": 0.25, "axes.titlelocation": "left", "font.size": 10,
        "axes.prop_cycle": matplotlib.cycler(color=[INK, SECOND, THIRD, "#7a4f9a"]),
    })  # fmt: skip
    return matplotlib


def draw_flow(boxes: dict[str, Any], arrows: Iterable[Any], title: str = "") -> Any:
    """Draw a data flow: boxes {name: (x, y, text)}, arrows (from, to, shape of the data between).

    Data flow along the dark arrows; gradients return along the orange ones, except to the box `ids`, since ids are integers.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 1 + 0.62 * (1 + max(y for _, y, _ in boxes.values()))))
    style = {"boxstyle": "round,pad=0.4", "facecolor": "#f3f6fb", "edgecolor": INK}
    texts = {
        name: ax.text(x, y, text, ha="center", va="center", fontsize=9, bbox=style, zorder=3)
        for name, (x, y, text) in boxes.items()
    }
    ax.set(title=title, xlim=(-0.5, max(x for x, _, _ in boxes.values()) + 0.5))
    ax.set(ylim=(-0.5, max(y for _, y, _ in boxes.values()) + 0.5))
    ax.axis("off")
    fig.set_layout_engine("none")
    fig.canvas.draw()  # places the boxes, at whose edges the arrows end
    for start, end, shape in arrows:
        (x0, y0), (x1, y1) = texts[start].get_position(), texts[end].get_position()
        for shift, colour, first, last in ((-0.05, INK, start, end), (0.05, SECOND, end, start)):
            if last == "ids":
                continue
            (xa, ya), (xb, yb) = texts[first].get_position(), texts[last].get_position()
            patches = {
                "patchA": texts[first].get_bbox_patch(),
                "patchB": texts[last].get_bbox_patch(),
            }
            way = {
                "arrowstyle": "-|>",
                "color": colour,
                "lw": 1.3,
                "shrinkA": 2,
                "shrinkB": 2,
                **patches,
            }
            ax.annotate("", (xb + shift, yb), (xa + shift, ya), arrowprops=way, zorder=2)
        ax.text(
            (x0 + x1) / 2 + 0.1,
            (y0 + y1) / 2 + 0.12 * (x0 != x1),
            shape,
            fontsize=8.5,
            va="center",
            color="0.25",
        )
    return fig
