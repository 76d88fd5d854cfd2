"""Our docstrings are plain text: paragraphs, `code` in backticks, formulas and lists in columns indented or aligned by blanks.

Sphinx expects reStructuredText, where much of that would mean something else. Here it becomes what it looks like.
"""

import re
from typing import Any

ALIGNED = re.compile(r"\S {2,}\S")  # columns within a line
ENTRY = re.compile(r"([^\s=()→·]+(?:,? [^\s=()→·]+){0,5})(?<![^.]\.) {2,}(\S.*)")  # names, not a sentence, then what they are
SPECIAL = re.compile(r"([*\\|_])")
NOTHING = re.compile(r": ~?(?:typing\.)?Any(?=[,)]| = )( = )?")
CODE = re.compile(r"`([^`]+)`")


def as_rst(lines: list[str]) -> list[str]:
    """A docstring's lines as reStructuredText."""
    found: list[str] = []
    for paragraph in paragraphs(lines):
        if entries := columns(paragraph):
            for names, meaning in entries:
                found += [f"``{names}``", f"    {flowing(meaning)}", ""]
        elif any(line.startswith(" ") for line in paragraph) or (len(paragraph) > 1 and any(map(ALIGNED.search, paragraph))):
            found += [".. code-block:: none", "", *("    " + line for line in paragraph), ""]
        else:
            found += [*map(flowing, paragraph), ""]
    return found


def paragraphs(lines: list[str]) -> list[list[str]]:
    """Lines between blank ones; indented paragraphs that follow each other are one."""
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


def columns(paragraph: list[str]) -> list[tuple[str, str]]:
    """(name, what it is) of a paragraph that is two columns, the second of which may go on below itself; [] of any other."""
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


def flowing(line: str) -> str:
    """A line of a paragraph: `code` is code, and nothing else means anything."""
    parts = CODE.split(line)
    return "".join(f"``{part}``" if i % 2 else SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts))


def process(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)


def signature(app: Any, what: str, name: str, found: Any, options: Any, given: str | None, returned: str | None) -> Any:
    """Any says nothing: it is left out."""
    given = given and NOTHING.sub(lambda match: "=" if match[1] else "", given)
    return given, None if returned and not re.sub(r"~|typing\.|Any|tuple|[\[\], ]", "", returned) else returned


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", signature)
