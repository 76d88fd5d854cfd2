"""A page for each source file of the package, and for what the other pages link to besides.

A link source:albert_np/core/layers/linear.py leads to the file's page, and each function of the reference to its line there.
"""

import html
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import guess_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
SHOWN = (".py", ".cu", ".cuh", ".toml", ".md", ".html")
log = logging.getLogger(__name__)


def page_of(path: str) -> str:
    """albert_np/core/params.py -> the name of its page"""
    return "source/" + path.strip("/")


def resolve(app: Any, doctree: Any, docname: str) -> None:
    """Links to source files -> links to their pages; where there are no such pages, their plain text."""
    on_site = app.builder.name in ("html", "dirhtml")
    for reference in list(doctree.findall(nodes.reference)):
        uri = reference.get("refuri", "")
        if not uri.startswith("source:"):
            continue
        path, _, anchor = uri.removeprefix("source:").partition("#")
        if not (ROOT / path).exists():
            log.warning("no such file in the repository: %s", path, location=reference)
        if on_site:
            linked(app).add(path.strip("/"))
            relative = app.builder.get_relative_uri(docname, page_of(path))
            reference["refuri"] = relative + ("#" + anchor if anchor else "")
            reference["internal"] = True
        else:
            reference.replace_self(reference.children)
    if on_site:
        for signature in doctree.findall(addnodes.desc_signature):
            place = line_of(signature.get("module"), signature.get("fullname"))
            if place:
                uri = app.builder.get_relative_uri(docname, page_of(place[0]))
                link = nodes.reference("", "source", refuri=f"{uri}#L-{place[1]}", internal=True, classes=["to-source"])
                signature += link


def linked(app: Any) -> set[str]:
    """What pages link to."""
    if not hasattr(app.env, "linked_sources"):
        app.env.linked_sources = set()
    return app.env.linked_sources


def line_of(module: str | None, name: str | None) -> tuple[str, int] | None:
    """(file below the repository, line) of what the reference describes; None if it is no function or class of ours."""
    if not module or not name:
        return None
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    found = inspect.unwrap(found) if callable(found) else found
    try:
        file, line = Path(inspect.getsourcefile(found) or ""), inspect.getsourcelines(found)[1]
    except TypeError:
        return None
    return (str(file.relative_to(ROOT)), line) if file.is_relative_to(ROOT) else None


def pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The pages themselves, when all others are written."""
    if app.builder.name not in ("html", "dirhtml"):
        return
    found = {ROOT / "albert_np", *(ROOT / path for path in linked(app))}
    found |= {path for folder in list(found) if folder.is_dir() for path in folder.rglob("*") if shown(path)}
    for path in sorted(found):
        name = str(path.relative_to(ROOT))
        body = listing(app, path) if path.is_dir() else code(path)
        yield page_of(name), {"title": name, "body": f"<h1>{html.escape(name)}</h1>\n{body}"}, "page.html"


def shown(path: Path) -> bool:
    return "__pycache__" not in path.parts and (path.is_dir() or path.suffix in SHOWN)


def listing(app: Any, folder: Path) -> str:
    """A folder: its files, each with the first line of its docstring."""
    rows = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if shown(path):
            here, there = (page_of(str(each.relative_to(ROOT))) for each in (folder, path))
            uri = app.builder.get_relative_uri(here, there)
            rows.append(f'<tr><td><a href="{uri}">{html.escape(path.name)}</a></td><td>{html.escape(about(path))}</td></tr>')
    return '<div class="table-wrapper"><table class="docutils">' + "".join(rows) + "</table></div>"


def about(path: Path) -> str:
    """The first line of what a file, or a folder's __init__.py, says of itself."""
    path = path / "__init__.py" if path.is_dir() else path
    if path.suffix != ".py" or not path.exists():
        return ""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.strip('"') if first.startswith('"""') else ""


def code(path: Path) -> str:
    """A file, with line numbers, each line an anchor."""
    text = path.read_text(encoding="utf-8")
    try:
        lexer = guess_lexer_for_filename("x.cpp" if path.suffix in (".cu", ".cuh") else path.name, text)
    except ClassNotFound:
        return f"<pre>{html.escape(text)}</pre>"
    return highlight(text, lexer, HtmlFormatter(cssclass="highlight source", lineanchors="L", linenos="inline", wrapcode=True))


def setup(app: Any) -> None:
    app.connect("doctree-resolved", resolve)
    app.connect("html-collect-pages", pages)
