"""Turn docstrings into reStructuredText.

The docstrings are plain text: paragraphs, `code` in backticks, formulas, and lists in columns that are indented or aligned by
spaces. Much of that means something else in the reStructuredText that Sphinx expects.
"""

import re
from typing import Any

from numpy.typing import ArrayLike, DTypeLike
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import stringify_annotation

ALIGNED = re.compile(r"\S {2,}\S")  # columns within a line
ENTRY = re.compile(r"([^\s=()→·]+(?:,? [^\s=()→·]+){0,5})(?<![^.]\.) {2,}(\S.*)")  # names, then a description
SPECIAL = re.compile(r"([*\\|_])")
UNTYPED = re.compile(r": ~?(?:typing\.|albert_np\.core\.dispatch\.)?(?:Any|Array)(?=[,)]| = )( = )?")
CODE = re.compile(r"`+([^`]+)`+")
ITEM = re.compile(r"(?<![\w.])Item\b")
ALIASES = {stringify_annotation(alias, "smart"): name for name, alias in (("ArrayLike", ArrayLike), ("DTypeLike", DTypeLike))}


def as_rst(lines: list[str]) -> list[str]:
    """Return the lines of a docstring as reStructuredText."""
    converted: list[str] = []
    for paragraph in split_paragraphs(lines):
        if paragraph[0].lstrip().startswith(">>> "):
            converted += [*paragraph, ""]  # an example, which Sphinx recognises
        elif entries := split_columns(paragraph):
            for names, meaning in entries:
                converted += [f"``{names}``", f"    {escape_line(meaning)}", ""]
        elif any(line.startswith(" ") for line in paragraph) or (len(paragraph) > 1 and any(map(ALIGNED.search, paragraph))):
            converted += [".. code-block:: none", "", *("    " + line for line in paragraph), ""]
        else:
            converted += [*map(escape_line, paragraph), ""]
    return converted


def split_paragraphs(lines: list[str]) -> list[list[str]]:
    """Split at blank lines; consecutive indented paragraphs stay together."""
    found: list[list[str]] = []
    apart = True
    for line in lines:
        if not line.strip():
            apart = True
        elif apart and found and line.startswith(" ") and all(each.startswith(" ") or not each for each in found[-1]):
            found[-1] += ["", line.rstrip()]
            apart = False
        elif apart:
            found.append([line.rstrip()])
            apart = False
        else:
            found[-1].append(line.rstrip())
    return found


def split_columns(paragraph: list[str]) -> list[tuple[str, str]]:
    """Return (name, description) of each entry of a paragraph in two columns; [] for any other. Descriptions may be wrapped."""
    found: list[tuple[str, str]] = []
    first = len(paragraph[0]) - len(paragraph[0].lstrip())
    second = 0
    for line in paragraph:
        indent = len(line) - len(line.lstrip())
        if indent == first and (entry := ENTRY.fullmatch(line.strip())) and not ALIGNED.search(entry[2]):
            found.append((entry[1].strip("`"), entry[2]))
            second = second or first + entry.start(2)
        elif found and line and indent >= min(second, first + 4):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            return []
    return found


def escape_line(line: str) -> str:
    """Mark `code` as code, and escape everything that has a meaning in reStructuredText."""
    parts = CODE.split(line)
    return "".join(f"``{part}``" if i % 2 else SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts))


def process_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)


def process_signature(app: Any, what: str, name: str, obj: Any, options: Any, given: str | None, returned: str | None) -> Any:
    """Leave out the type Any, and its alias Array; write NumPy's aliases by their names."""
    for written, alias in ALIASES.items():
        given = given and given.replace(written, alias)
    if given and name.startswith("albert_np.tasks."):  # a name in quotes, which learn has, too
        given = ITEM.sub("~albert_np.tasks.task.Item", given)
    given = given and UNTYPED.sub(lambda match: "=" if match[1] else "", given)
    untyped = returned and not re.sub(r"~|typing\.|albert_np\.core\.dispatch\.|Any|Array|tuple|[\[\], ]", "", returned)
    return given, None if untyped else returned


class LeaveOutOfIndex(SphinxTransform):
    """The general index has the names of the reference by use. Those of the pages by module would be many times as many."""

    default_priority = 800  # before the entries are collected, at 850

    def apply(self, **options: Any) -> None:
        if self.env.docname.startswith("api/modules/"):
            for node in list(self.document.findall(addnodes.index)):
                node.parent.remove(node)


def setup(app: Any) -> None:
    app.add_transform(LeaveOutOfIndex)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-process-signature", process_signature)
