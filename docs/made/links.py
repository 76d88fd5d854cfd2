"""Check every link within the site, and the size of every page: `python docs/made/links.py build/docs/html`.

Exit code 1 if a link is broken, or if a page has more than 300 kB. Its pictures do not count: those that stand in the page as
data, drawings (SVG), and the interactive figures that notebooks show in frames.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LIMIT = 300_000  # bytes of a page without its pictures
PICTURES = re.compile(rb"""data:(?:image|font)/[^"')\s]+|<svg\b.*?</svg>|\bsrcdoc=(?:"[^"]*"|'[^']*')""", re.DOTALL)


class Page(HTMLParser):
    """The anchors of a page, and the targets of its links."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if name in ("href", "src") and value:
                self.targets.append(value)


def find_broken_links(folder: Path) -> list[str]:
    """Return a line for each broken link within the folder."""
    pages = {path: Page(path) for path in folder.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            split = urlsplit(target)
            if split.scheme or split.netloc:
                continue
            file = (path.parent / unquote(split.path)).resolve() if split.path else path
            file = file / "index.html" if file.is_dir() else file
            no_anchor = split.fragment and file in pages and unquote(split.fragment) not in pages[file].anchors
            if no_anchor or not file.exists():
                broken.append(f"{path.relative_to(folder)}: {target}")
    return sorted(set(broken))


def find_large_pages(folder: Path) -> list[str]:
    """Return a line for each page above the limit."""
    sizes = {path: len(PICTURES.sub(b"", path.read_bytes())) for path in folder.rglob("*.html")}
    return sorted(
        f"{path.relative_to(folder)}: {size:,} bytes without its pictures, of which at most {LIMIT:,} are allowed"
        for path, size in sizes.items()
        if size > LIMIT
    )


def main(folder: Path) -> int:
    folder = folder.resolve()
    if not (folder / "index.html").exists():
        print(f"there is no site in {folder}", file=sys.stderr)
        return 1
    lines = find_broken_links(folder) + find_large_pages(folder)
    print(
        "\n".join(lines) or "no broken links within the site, and no page is too large", file=sys.stderr if lines else sys.stdout
    )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
