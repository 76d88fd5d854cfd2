"""The data-flow drawings of notebooks/flows.py, as pictures in docs/flows, which git ignores."""

import sys
from pathlib import Path

DOCS = Path(__file__).parents[1]
NOTEBOOKS = DOCS.parent / "notebooks"
FOLDER = DOCS / "flows"


def text(*names: str) -> str:
    """Return Markdown that shows the drawings of these names, and write their files."""
    sys.path.insert(0, str(NOTEBOOKS))
    try:
        from flows import draw
    finally:
        sys.path.remove(str(NOTEBOOKS))
    FOLDER.mkdir(exist_ok=True)
    lines = []
    for name in names:
        drawing, path = draw(name), FOLDER / f"{name}.png"
        picture = drawing._repr_png_()
        if not path.exists() or path.read_bytes() != picture:  # an unchanged file is not copied again
            path.write_bytes(picture)
        steps = repr(drawing).translate(str.maketrans("", "", "[]"))
        lines.append(f"![{steps}]({FOLDER.name}/{name}.png)")
    return "\n\n".join(lines) + "\n"
