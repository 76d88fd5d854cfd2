"""Write the line counts of the files of `core` into the reading lists: python docs/made/reading_list.py

docs/reading.md has the list as a table, core/__init__.py has it in its docstring.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "albert_np" / "core"
PATTERNS = {  # page -> pattern of an entry, with the groups `count` and `name`
    ROOT / "docs" / "reading.md": r"^\| *(?P<count>\d+) \| \[`(?P<name>[\w/]+\.py)`\]",
    CORE / "__init__.py": r"^ +\d+ +(?P<name>[\w/]+\.py) +(?P<count>\d+)",
}


def count_lines(name: str) -> int:
    """Return the number of lines of a file of core."""
    return len((CORE / name).read_text(encoding="utf-8").splitlines())


def entries(page: Path) -> list[tuple[str, int]]:
    """Return (file, number of lines) of each entry of a page, as the page gives them."""
    found = re.finditer(PATTERNS[page], page.read_text(encoding="utf-8"), re.MULTILINE)
    return [(match["name"], int(match["count"])) for match in found]


def update(page: Path) -> None:
    """Write the true counts into a page. A count keeps its width, so that columns stay aligned."""

    def replace(match: re.Match[str]) -> str:
        start, stop = (match.start("count") - match.start(), match.end("count") - match.start())
        width = stop - start if page.suffix == ".py" else 0
        return match[0][:start] + str(count_lines(match["name"])).rjust(width) + match[0][stop:]

    page.write_text(re.sub(PATTERNS[page], replace, page.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")


if __name__ == "__main__":
    for each in PATTERNS:
        update(each)
