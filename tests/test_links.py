"""External links of the documents have one form, and links between pages lead to headings that exist; without network."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "docs" / "made").is_dir() or not (ROOT / "notebooks").is_dir():
    pytest.skip("there are no documents beside the tests", allow_module_level=True)
sys.path.insert(0, str(ROOT / "docs"))

from made import external_links as links  # noqa: E402


def test_the_links_of_all_documents_are_right():
    found = links.find_links(links.find_documents())
    assert len(found) > 20 and "README.md" in found["https://arxiv.org/abs/1909.11942"]
    assert [*links.check_form(found), *links.check_anchors(links.read_pages())] == []


def test_wrong_addresses_are_found():
    page = links.ROOT / "docs" / "page.md"
    text = "[a](https://a.org/b/) (see https://a.org/b). http://c.org, <https://d.org/e_(f)>"
    found = links.find_links({page: links.CODE.sub("", text + " `http://127.0.0.1` \n```\nhttp://code.org\n```\n")})
    assert list(found) == ["http://c.org", "https://a.org/b", "https://a.org/b/", "https://d.org/e_(f)"]
    assert list(links.check_form(found)) == [
        "docs/page.md: http://c.org is not https",
        "docs/page.md: https://a.org/b/ is also written https://a.org/b",
    ]


def test_dead_anchors_are_found():
    one, other = links.ROOT / "docs" / "one.md", links.ROOT / "docs" / "other.md"
    texts = {
        one: "# A page\n\n## What `it` is, and [why](x.md)\n[here](#a-page) [there](other.md#moved) [dead](other.md#gone)\n",
        other: "# Moved\n[back](one.md#what-it-is-and-why) [dead](one.md#what-it-is) [file](../x.py#L3)\n",
    }
    assert list(links.check_anchors(texts)) == [
        "docs/one.md: other.md#gone leads to no heading",
        "docs/other.md: one.md#what-it-is leads to no heading",
    ]
