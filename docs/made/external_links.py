"""List the external links of all documents and notebooks, each with where it stands: python docs/made/external_links.py

It needs no network (`make links` follows the links of the site): it checks that links are https and written in one way, and that
links from page to page lead to headings that exist. Exit code 1 if one is wrong.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^(`{3,}|~{3,}).*?^\1`*[ \t]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(BLOCK.pattern + r"|`[^`\n]+`", BLOCK.flags)
URL = re.compile(r"\bhttps?://[^\s<>\"'`\]()]+(?:\([^\s()]*\)[^\s<>\"'`\]()]*)*")
OWN = re.compile(r"\]\(([^)\s:#]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*$", re.MULTILINE)


def list_pages() -> list[Path]:
    """Return the documents, without those that building the site leaves below docs/."""
    return sorted(path for pattern in ("*.md", "docs/*.md", "docs/api/*.md") for path in ROOT.glob(pattern))


def find_documents() -> dict[Path, str]:
    """Return the Markdown of each document, and of the notebooks' cells, without code."""
    texts = {
        path: path.read_text(encoding="utf-8") for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
    }
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts[path] = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return {path: CODE.sub("", text) for path, text in texts.items()}


def find_links(documents: dict[Path, str]) -> dict[str, list[str]]:
    """Return {address: names of the documents}, in alphabetical order."""
    found: dict[str, set[str]] = {}
    for path, text in documents.items():
        for match in URL.finditer(text):
            found.setdefault(match.group().rstrip(".,;:!?*"), set()).add(str(path.relative_to(ROOT)))
    return {url: sorted(names) for url, names in sorted(found.items())}


def check_form(links: dict[str, list[str]]) -> Iterator[str]:
    """Yield a line for each address that is not https, and for each that is written in two ways."""
    spellings: dict[str, str] = {}
    for url, names in links.items():
        if not url.startswith("https://"):
            yield f"{names[0]}: {url} is not https"
        host, _, rest = url.partition("://")[2].partition("/")
        plain = f"{host.lower().removeprefix('www.')}/{rest.rstrip('/')}"
        if plain in spellings:
            yield f"{names[0]}: {url} is also written {spellings[plain]}"
        spellings[plain] = url


def make_anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def check_anchors(texts: dict[Path, str]) -> Iterator[str]:
    """Yield a line for each link to a heading that does not exist. texts: with inline code, which headings may have."""
    anchors = {path: {make_anchor(found.replace("`", "")) for found in HEADING.findall(text)} for path, text in texts.items()}
    for path, text in texts.items():
        for target, anchor in OWN.findall(text):
            page = (path.parent / target).resolve() if target else path
            if page in anchors and anchor not in anchors[page]:
                yield f"{path.relative_to(ROOT)}: {target}#{anchor} leads to no heading"


def read_pages() -> dict[Path, str]:
    """Return the pages with their code blocks removed."""
    return {path: BLOCK.sub("", path.read_text(encoding="utf-8")) for path in list_pages()}


def main() -> int:
    links = find_links(find_documents())
    for url, names in links.items():
        print(f"{url}    {', '.join(names)}")
    wrong = [*check_form(links), *check_anchors(read_pages())]
    print(*wrong, sep="\n", file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
