"""The notebooks as pages: a copy of each in docs/notebooks, which git ignores; Sphinx reads nothing outside its folder."""

import shutil
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
WRITTEN = DOCS.parent / "notebooks"
COPIES = DOCS / "notebooks"


def setup(app: Any) -> None:
    COPIES.mkdir(exist_ok=True)
    written = {path.name: path for path in WRITTEN.glob("[0-9]*.ipynb")}
    for copy in COPIES.glob("*.ipynb"):
        if copy.name not in written:
            copy.unlink()
    for name, path in written.items():
        copy = COPIES / name
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            shutil.copyfile(path, copy)
