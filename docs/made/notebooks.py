"""Copy the notebooks to docs/notebooks, which git ignores: Sphinx reads nothing outside its folder."""

import shutil
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
ORIGINALS = DOCS.parent / "notebooks"
COPIES = DOCS / "notebooks"


def setup(app: Any) -> None:
    COPIES.mkdir(exist_ok=True)
    originals = {path.name: path for path in ORIGINALS.glob("[0-9]*.ipynb")}
    for copy in COPIES.glob("*.ipynb"):
        if copy.name not in originals:
            copy.unlink()
    for name, path in originals.items():
        copy = COPIES / name
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            shutil.copyfile(path, copy)
