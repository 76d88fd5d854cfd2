"""A page for each source file of the package, and for other files of the repository that the pages link to.

A link source:albert_np/core/layers/linear.py leads to the page of the file. Each function of the API reference links to its line.
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


def page_name(path: str) -> str:
    """Return the name of the page of a file."""
    return "source/" + path.strip("/")


def resolve_links(app: Any, doctree: Any, docname: str) -> None:
    """Turn links to source files into links to their pages; in formats without these pages, into plain text."""
    on_site = app.builder.name in ("html", "dirhtml")
    for reference in list(doctree.findall(nodes.reference)):
        uri = reference.get("refuri", "")
        if not uri.startswith("source:"):
            continue
        path, _, anchor = uri.removeprefix("source:").partition("#")
        if not (ROOT / path).exists():
            log.warning("no such file in the repository: %s", path, location=reference)
        if on_site:
            linked_sources(app).add(path.strip("/"))
            relative = app.builder.get_relative_uri(docname, page_name(path))
            reference["refuri"] = relative + ("#" + anchor if anchor else "")
            reference["internal"] = True
        else:
            reference.replace_self(reference.children)
    if on_site:
        for signature in doctree.findall(addnodes.desc_signature):
            line = find_line(signature.get("module"), signature.get("fullname"))
            if line:
                uri = app.builder.get_relative_uri(docname, page_name(line[0]))
                link = nodes.reference("", "source", refuri=f"{uri}#L-{line[1]}", internal=True, classes=["to-source"])
                signature += link


def linked_sources(app: Any) -> set[str]:
    """Return the set of the files that pages link to."""
    if not hasattr(app.env, "linked_sources"):
        app.env.linked_sources = set()
    return app.env.linked_sources


def find_line(module: str | None, name: str | None) -> tuple[str, int] | None:
    """Return (file, line) of a documented object; None unless it is a function or class of the package."""
    if not module or not name:
        return None
    obj: Any = importlib.import_module(module)
    for part in name.split("."):
        obj = getattr(obj, part, None)
    obj = inspect.unwrap(obj) if callable(obj) else obj
    try:
        file, line = Path(inspect.getsourcefile(obj) or ""), inspect.getsourcelines(obj)[1]
    except (TypeError, OSError):  # no function or class, or one made at run time
        return None
    return (str(file.relative_to(ROOT)), line) if file.is_relative_to(ROOT) else None


def make_pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the pages of the source files, after all other pages are written."""
    if app.builder.name not in ("html", "dirhtml"):
        return
    files = {ROOT / "albert_np", *(ROOT / path for path in linked_sources(app))}
    files |= {path for folder in list(files) if folder.is_dir() for path in folder.rglob("*") if is_shown(path)}
    for path in sorted(files):
        name = str(path.relative_to(ROOT))
        body = format_folder(app, path) if path.is_dir() else format_code(path)
        yield page_name(name), {"title": name, "body": f"<h1>{html.escape(name)}</h1>\n{body}"}, "page.html"


def is_shown(path: Path) -> bool:
    return "__pycache__" not in path.parts and (path.is_dir() or path.suffix in SHOWN)


def format_folder(app: Any, folder: Path) -> str:
    """Return a table of the files of a folder, with the first line of each docstring."""
    rows = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if is_shown(path):
            source, target = (page_name(str(each.relative_to(ROOT))) for each in (folder, path))
            uri = app.builder.get_relative_uri(source, target)
            about = html.escape(first_docstring_line(path))
            rows.append(f'<tr><td><a href="{uri}">{html.escape(path.name)}</a></td><td>{about}</td></tr>')
    return '<div class="table-wrapper"><table class="docutils">' + "".join(rows) + "</table></div>"


def first_docstring_line(path: Path) -> str:
    """Return the first line of the docstring of a file, or of a folder's __init__.py."""
    path = path / "__init__.py" if path.is_dir() else path
    if path.suffix != ".py" or not path.exists():
        return ""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.strip('"') if first.startswith('"""') else ""


def format_code(path: Path) -> str:
    """Return a file with line numbers; each line is an anchor."""
    text = path.read_text(encoding="utf-8")
    try:
        lexer = guess_lexer_for_filename("x.cpp" if path.suffix in (".cu", ".cuh") else path.name, text)
    except ClassNotFound:
        return f"<pre>{html.escape(text)}</pre>"
    return highlight(text, lexer, HtmlFormatter(cssclass="highlight source", lineanchors="L", linenos="inline", wrapcode=True))


def setup(app: Any) -> None:
    app.connect("doctree-resolved", resolve_links)
    app.connect("html-collect-pages", make_pages)
