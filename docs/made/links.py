"""Follow every link within the site: `python docs/made/links.py build/docs/html`. Exit code 1 if one leads nowhere."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page has to link to, and where it links."""

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


def broken(folder: Path) -> list[str]:
    """A line for each link within the folder that leads nowhere."""
    pages = {path: Page(path) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for target in page.targets:
            split = urlsplit(target)
            if split.scheme or split.netloc:
                continue
            there = (path.parent / unquote(split.path)).resolve() if split.path else path
            there = there / "index.html" if there.is_dir() else there
            missing = not there.exists()
            anchored = split.fragment and there in pages and unquote(split.fragment) not in pages[there].anchors
            if missing or anchored:
                found.append(f"{path.relative_to(folder)}: {target}")
    return sorted(set(found))


def main(folder: Path) -> int:
    folder = folder.resolve()
    if not (folder / "index.html").exists():
        print(f"there is no site in {folder}", file=sys.stderr)
        return 1
    lines = broken(folder)
    print("\n".join(lines) or "every link within the site leads somewhere", file=sys.stderr if lines else sys.stdout)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
