"""The sheet as a page of the site. `python docs/made/sheet/website.py` prints it."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]

from made.sheet.drawing import draw_model  # noqa: E402
from made.sheet.layers import LAYERS  # noqa: E402
from made.sheet.model import AROUND, MODEL, TRAINING  # noqa: E402
from made.sheet.notation import LETTERS, MORE_LETTERS, RULES  # noqa: E402
from made.sheet.operation import Lines, Operation  # noqa: E402
from made.sheet.printed import find_chromium, print_pdf  # noqa: E402

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
SECTIONS = (("The layers", LAYERS), ("The model", MODEL), ("Training", TRAINING), ("Around the model", AROUND))
BESIDE = re.compile(r",? *\\q?quad$")  # of a formula that has the next one beside it
printed: list[Path] = []  # the PDF of this build of the site


def text() -> str:
    """Return the page in Markdown: notation, drawing, and a table for each part."""
    link = '<a href="sheet.pdf">The same as two pages for the wall</a> (PDF).' if printed else ""
    parts = [link, f"## Notation\n\n{notation()}", f'<div class="sheet">{draw_model()}</div>']
    parts += [f"## {title}\n\n{table(operations)}" for title, operations in SECTIONS]
    return "\n\n".join(part for part in parts if part) + "\n"


def notation() -> str:
    letters = " · ".join(f"**{letter}** {about}" for letter, about in (LETTERS | MORE_LETTERS).items())
    names = {name: name if name.startswith("$") else f"**{name}**" for name in RULES}
    return "\n".join([letters, "", *(f"- {names[name]}: {text}" for name, text in RULES.items())])


def table(operations: tuple[Operation, ...]) -> str:
    lines = ["| operation | forward | kept | backward |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(cells(operation))} |" for operation in operations)])


def cells(operation: Operation) -> tuple[str, ...]:
    (notebook,) = NOTEBOOKS.glob(f"{operation.notebook:02}_*.ipynb")
    name = f"[`{operation.name}`](../albert_np/{operation.file})"
    derived = f"notebook [{operation.notebook:02}](../notebooks/{notebook.name})"
    if operation.exercise:
        derived += " · [exercise](learn.md)" + (f" `{operation.exercise}`" if operation.exercise != operation.name else "")
    remark = f"<small>{operation.remark}</small>" if operation.remark else ""
    return (
        join(name, operation.about, derived),
        join(shapes(operation), formulas(operation.forward), "" if operation.backward else remark),
        kept(operation),
        join(formulas(operation.backward), remark) if operation.backward else "",
    )


def join(*parts: str) -> str:
    return "<br>".join(part for part in parts if part)


def shapes(operation: Operation) -> str:
    takes, gives = (
        ", ".join(f"${symbol}$ {shape}" for symbol, shape in operation.grouped(arrays))
        for arrays in (operation.takes, operation.gives)
    )
    return f"<small>{takes} → {gives}</small>" if takes else ""


def kept(operation: Operation) -> str:
    symbols = {name: operation.symbol(name) for name in operation.kept}
    return " ".join(f"`{name}`" if latex.startswith((r"\op", r"\text")) else f"${latex}$" for name, latex in symbols.items())


def formulas(lines: Lines) -> str:
    """Return formulas, each on a line of its own unless it has the next one beside it."""
    shown = [f"${BESIDE.sub('', latex)}$" + (" &emsp; " if BESIDE.search(latex) else "<br>") for latex, _ in lines]
    return "".join(shown).removesuffix("<br>")


def print_for_site(app: Any) -> None:
    """Put the PDF on the site, if there is a Chromium to print it."""
    printed.clear()
    if app.builder.name != "html":
        return
    if find_chromium() is None:
        print("no Chromium: the site has no PDF of the sheet", file=sys.stderr)
        return
    from sphinx.util import logging

    path = Path(app.outdir) / "sheet.pdf"
    try:
        print_pdf(path)
    except RuntimeError as error:
        logging.getLogger(__name__).warning("the sheet is not printed: %s", error)
    else:
        printed.append(path)


def setup(app: Any) -> None:
    app.connect("builder-inited", print_for_site)


if __name__ == "__main__":
    print(text())
