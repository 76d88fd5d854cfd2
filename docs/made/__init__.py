"""What is made while the site builds.

    <!-- insert: commands -->            the text that `text()` of made/commands.py gives; what follows the name are its arguments
    <!-- insert: ../CONTRIBUTING.md -->  a file of the repository

Links are written as they work in the repository. Those that lead out of docs/ are turned here into ones that work on the site.
"""

import importlib
import json
import os
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
INSERT = re.compile(r"^<!-- insert: (\S+)(.*?) -->$", re.MULTILINE)
PATTERN = re.compile(r"^([\w/-]+)\*\n", re.MULTILINE)  # notebooks/*
CODE = r"^```.*?^```|`[^`\n]+`"
LINK = re.compile(rf"{CODE}|(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))", re.MULTILINE | re.DOTALL)  # ](target#anchor), without a scheme


def inserted(text: str) -> str:
    """The text of a page with what its placeholders stand for."""

    def one(match: re.Match[str]) -> str:
        name, arguments = match[1], match[2].split()
        if name.endswith(".md"):
            path = (DOCS / name).resolve()
            return linked(path.read_text(encoding="utf-8"), path.parent, DOCS)
        return linked(importlib.import_module(f"made.{name}").text(*arguments), DOCS, DOCS)

    return INSERT.sub(one, text)


def linked(text: str, at: Path, on: Path) -> str:
    """Links of a text that was written for a file in the folder `at`, for a page in `on`."""

    def one(match: re.Match[str]) -> str:
        if match[2] is None:
            return match[0]  # code: what looks like a link there, is_even[0](n), is none
        target = (at / match[2]).resolve()
        if target.suffix == ".md" and target.parent == ROOT and (DOCS / target.name.lower()).exists():
            target = DOCS / target.name.lower()
        if target.is_relative_to(ROOT / "notebooks") and target.suffix == ".ipynb":
            target = DOCS / "notebooks" / target.name
        elif not (target.is_relative_to(DOCS) and target.suffix in (".md", ".png")) and target.exists():
            return f"{match[1]}source:{target.relative_to(ROOT)}{match[3]}"
        return match[1] + os.path.relpath(target, on) + match[3]

    return LINK.sub(one, text)


def present(text: str) -> str:
    """A table of contents without the patterns that nothing matches: pages, or notebooks, that are not there yet."""
    return PATTERN.sub(lambda match: match[0] if any(DOCS.glob(match[1] + "*")) else "", text)


def read(app: Any, docname: str, source: list[str]) -> None:
    """A page on its way into Sphinx."""
    here = (DOCS / docname).parent
    if docname.startswith("notebooks/"):
        source[0] = notebook(source[0], here)
    else:
        text = present(source[0]) if docname == "index" else source[0]
        source[0] = inserted(linked(text, here, here))


def notebook(text: str, on: Path) -> str:
    """A notebook, in JSON, with the links of its own text turned; code and outputs stay as they are."""
    values = json.loads(text)
    for cell in values["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = linked("".join(cell["source"]), ROOT / "notebooks", on)
    return json.dumps(values)


def setup(app: Any) -> dict[str, Any]:
    from made import docstrings, notebooks, sources  # which need Sphinx; the other modules do not

    app.connect("source-read", read)
    notebooks.setup(app)
    sources.setup(app)
    docstrings.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
