"""The search of the site and the API reference that `make docs` built, opened from the folder in a headless browser."""

from pathlib import Path

import pytest
from browser import open_browser

SITE = Path(__file__).parents[2] / "build" / "docs" / "html"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    if not (SITE / "searchindex.js").exists():
        pytest.skip("there is no site in build/docs/html: make docs")
    with open_browser(tmp_path_factory.mktemp("browser"), "1200,1000", "host-resolver-rules=MAP * ~NOTFOUND") as browser:
        yield browser


def address(page):
    return (SITE / page).as_uri()


def set_width(window, width):
    window.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("AlbertConfig", "api/load.html"),
        ("layer_norm", "api/layers.html"),
        ("dropout mask", "api/"),
        ("pruning", "compress.html"),
    ],
)
def test_the_search_works_from_a_folder(window, words, page):
    from selenium.webdriver.support.ui import WebDriverWait

    window.get(address("search.html") + f"?q={words.replace(' ', '+')}")
    summary = "#search-results .search-summary"
    WebDriverWait(window, 20).until(lambda w: w.find_element("css selector", summary).text.startswith("Search finished"))
    found = window.find_elements("css selector", "#search-results ul.search li a")
    assert any(page in each.get_attribute("href") for each in found), [each.get_attribute("href") for each in found][:10]


def test_a_word_that_is_nowhere_is_not_found(window):
    window.get(address("search.html") + "?q=qwertyuiop")
    window.implicitly_wait(1)
    try:
        assert not window.find_elements("css selector", "#search-results ul.search li a")
    finally:
        window.implicitly_wait(10)


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("page", ["index", "load", "run", "train", "layers", "modules/training"])
def test_pages_of_the_reference_are_not_wider_than_the_window(window, page, width):
    set_width(window, width)
    window.get(address(f"api/{page}.html"))
    wide = window.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_the_front_page_leads_to_every_entry(window):
    set_width(window, 1200)
    window.get(address("api/index.html"))
    links = window.find_elements("css selector", ".entries dd a")
    assert len(links) > 150
    next(each for each in links if each.text == "optim.step").click()
    assert window.current_url.endswith("api/optim.html#optim-step")
