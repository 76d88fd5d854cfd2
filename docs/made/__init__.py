"""Sphinx extension for the parts of the site that are generated while it is built.

    <!-- insert: commands -->            the text that `text()` of made/commands.py returns; arguments may follow the name
    <!-- insert: ../CONTRIBUTING.md -->  a file of the repository

The pages link to files as they are in the repository. Links that lead out of docs/ are rewritten so that they work on the site.
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


def expand_inserts(text: str, on: Path = DOCS) -> str:
    """Replace the placeholders of a page in the folder `on`."""

    def replace(match: re.Match[str]) -> str:
        name, arguments = match[1], match[2].split()
        if name.endswith(".md"):
            path = (DOCS / name).resolve()
            return rewrite_links(path.read_text(encoding="utf-8"), path.parent, on)
        return rewrite_links(importlib.import_module(f"made.{name}").text(*arguments), DOCS, on)

    return INSERT.sub(replace, text)


def rewrite_links(text: str, at: Path, on: Path) -> str:
    """Rewrite the links of a text from the folder `at` for a page in the folder `on`."""

    def replace(match: re.Match[str]) -> str:
        if match[2] is None:
            return match[0]  # code may look like a link: is_even[0](n)
        target = (at / match[2]).resolve()
        if target.suffix == ".md" and target.parent == ROOT and (DOCS / target.name.lower()).exists():
            target = DOCS / target.name.lower()
        if target.is_relative_to(ROOT / "notebooks") and target.suffix == ".ipynb":
            target = DOCS / "notebooks" / target.name
        elif not (target.is_relative_to(DOCS) and target.suffix in (".md", ".png")) and target.exists():
            return f"{match[1]}source:{target.relative_to(ROOT)}{match[3]}"
        return match[1] + os.path.relpath(target, on) + match[3]

    return LINK.sub(replace, text)


def drop_unmatched_patterns(text: str) -> str:
    """Remove the patterns of a table of contents that match no page."""
    return PATTERN.sub(lambda match: match[0] if any(DOCS.glob(match[1] + "*")) else "", text)


def process_source(app: Any, docname: str, source: list[str]) -> None:
    """Process a page before Sphinx parses it."""
    folder = (DOCS / docname).parent
    if docname.startswith("notebooks/"):
        source[0] = rewrite_notebook(source[0], folder)
    else:
        text = drop_unmatched_patterns(source[0]) if docname == "index" else source[0]
        source[0] = expand_inserts(rewrite_links(text, folder, folder), folder)


def rewrite_notebook(text: str, on: Path) -> str:
    """Rewrite the links in the Markdown cells of a notebook (JSON); a folded cell says what it is, a picture what it shows."""
    values = json.loads(text)
    before: list[str] = []  # the tags of the code cell before
    for cell in values["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewrite_links("".join(cell["source"]), ROOT / "notebooks", on)
        elif cell["cell_type"] == "code":
            tags = cell["metadata"].get("tags", [])
            options: dict[str, Any] = {}
            if "hide-input" in tags:
                name = "The answer" if "your-turn" in before else "The code"
                options |= {"code_prompt_show": name, "code_prompt_hide": name}
            if alt := describe_picture(cell):
                options["image"] = {"alt": alt}
            if options:
                cell["metadata"]["mystnb"] = options
            before = tags
    return json.dumps(values)


def describe_picture(cell: dict[str, Any]) -> str:
    """Return a text in place of the picture among the outputs of a cell: its repr, if that says what it shows."""
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            text = " ".join("".join(data.get("text/plain", "")).split()).strip("[]<>")
            return "Figure drawn by the cell above" if text.startswith("Figure size") or not text else text
    return ""


def setup(app: Any) -> dict[str, Any]:
    from made import docstrings, live, notebooks, sources  # these need Sphinx, the other modules do not
    from made.sheet import website

    app.connect("source-read", process_source)
    live.setup(app)
    notebooks.setup(app)
    sources.setup(app)
    website.setup(app)
    docstrings.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
