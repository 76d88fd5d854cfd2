"""The API reference by use: the pages of docs/api, with an entry for each public name.

An entry is a heading, `` ### `optim.step` ``, one sentence on its use, an example, and <!-- insert: entry optim.step MEMBERS -->,
which becomes the signature and the docstring; members are those of a class that are shown. An entry without an example has one
in its docstring. <!-- insert: entries PAGE --> becomes the list of the names on a page, <!-- insert: entries --> that of all.
"""

import importlib
import inspect
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from made.external_links import make_anchor

FOLDER = Path(__file__).parents[1] / "api"
TOCTREE = re.compile(r"^```{toctree}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^### `(?P<name>[\w.]+)`\n\n(?P<use>[^\n]+)\n(?P<rest>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
DOCUMENTED = re.compile(r"^<!-- insert: entry (\S+)(.*?) -->$", re.MULTILINE)
LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """One name of the reference. page: the stem of its file; use: one sentence; example: "" if the docstring has it."""

    page: str
    name: str
    anchor: str  # of its heading
    use: str
    example: str
    names: tuple[str, ...]  # that are documented under it: the name itself, and perhaps its backward pass
    members: tuple[str, ...]  # that are shown, of a class

    @property
    def link(self) -> str:
        """Return the link to the entry, from docs/."""
        return f"[`{self.name}`](api/{self.page}.md#{self.anchor})"

    @property
    def obj(self) -> Any:
        """Return the object itself."""
        return find(self.name)[1]


def pages() -> list[str]:
    """Return the stems of the pages by use, in the order of the table of contents."""
    first = TOCTREE.search((FOLDER / "index.md").read_text(encoding="utf-8"))
    assert first, "docs/api/index.md has no table of contents"
    return [name for name in first[1].split("\n") if name and not name.startswith(":") and "/" not in name]


def read(page: str) -> list[Entry]:
    """Return the entries of a page."""
    source = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    found: list[Entry] = []
    anchors: Counter[str] = Counter()
    for match in ENTRY.finditer(source):
        anchor = make_anchor(match["name"])  # compress.Sparsity and compress.sparsity differ by -1
        anchors[anchor] += 1
        anchor += f"-{anchors[anchor] - 1}" if anchors[anchor] > 1 else ""
        example = EXAMPLE.search(match["rest"])
        inserts = DOCUMENTED.findall(match["rest"])
        names, members = tuple(name for name, _ in inserts), tuple(" ".join(more for _, more in inserts).split())
        found.append(Entry(page, match["name"], anchor, match["use"], example[1] if example else "", names, members))
    return found


def read_all() -> list[Entry]:
    return [entry for page in pages() for entry in read(page)]


def find(name: str) -> tuple[str, Any]:
    """Return the path under which Python imports a name of albert_np, and the object. "optim.step" is in albert_np.core.optim."""
    parent, _, last = f"albert_np.{name}".rpartition(".")
    try:
        module = importlib.import_module(parent)
    except ImportError:
        module = getattr(importlib.import_module("albert_np"), parent.removeprefix("albert_np."))
    return f"{module.__name__}.{last}", getattr(module, last)


def definition(obj: Any) -> str:
    """Return the dotted path of the definition of a function or class, under which autodoc documents it."""
    obj = inspect.unwrap(obj)
    return f"{obj.__module__}.{obj.__qualname__}"


def directive(name: str, members: tuple[str, ...]) -> str:
    """Return what documents a name from its docstring."""
    path, obj = find(name)
    if callable(obj) and name.rpartition(".")[2] != obj.__name__:
        for first in read_all():
            if first.name != name and first.obj is obj:
                return f"It is the same as {first.link}."
    if not callable(obj):
        lines = [f".. py:data:: {path}", f"   :type: {type(obj).__name__}"]
    else:
        kind = "function" if not isinstance(obj, type) else "exception" if issubclass(obj, Exception) else "class"
        special = [each for each in members if each.startswith("__")]
        normal = [each for each in members if each not in special]
        lines = [f".. auto{kind}:: {definition(obj)}"]
        lines += [f"   :members: {', '.join(normal)}"] if normal else []
        lines += [f"   :special-members: {', '.join(special)}"] if special else []
    return "\n".join(["```{eval-rst}", *lines, "```"])


def overview() -> str:
    """Return a list of the pages: what each is for, and its names."""
    parts = []
    for page in pages():
        lines = (FOLDER / f"{page}.md").read_text(encoding="utf-8").split("\n", 3)
        names = ", ".join(entry.link for entry in read(page))
        about = LINK.sub(r"\1", lines[2]).partition(". ")[0].removesuffix(".")
        parts.append(f"[{lines[0].removeprefix('# ')}](api/{page}.md)\n: {about}.\n\n  {names}\n")
    return "\n".join([":::{container} entries", *parts, ":::"])


def text(page: str = "") -> str:
    """Return the list of the names of a page with their uses, or the list of all pages."""
    if not page:
        return overview()
    rows = [f"| {entry.link} | {entry.use} |" for entry in read(page)]
    return "\n".join([":::{container} entries", "| name | use |", "|---|---|", *rows, ":::"])
