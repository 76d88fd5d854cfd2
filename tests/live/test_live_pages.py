"""The pages of the site that `make docs` built, with a copy of the runtime, in a headless browser without a network."""

import contextlib
import functools
import http.server
import importlib
import json
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
from browser import open_browser

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "docs" / "html"
PAGE = "notebooks/05_layer_norm.html"
LIMIT = 280  # seconds for anything that a page is waited for, on a machine that does much else
pytestmark = pytest.mark.slow


class Handler(http.server.SimpleHTTPRequestHandler):
    isolated = False  # whether pages may share memory with their workers

    def end_headers(self):
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serve(folder, isolated=False):
    """Serve a folder as `python -m http.server` does -> its address."""
    handler = type("ThisHandler", (Handler,), {"isolated": isolated})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def live_module(name):
    """A module of docs/made/live."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        return importlib.import_module(f"made.live.{name}")
    finally:
        sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site with the runtime; skipped where there is no site, or no runtime can be had."""
    if not (SITE / "_static" / "live" / "live.json").exists():
        pytest.skip("there is no site in build/docs/html: make docs")
    runtime = live_module("runtime")
    folder = tmp_path_factory.mktemp("live") / "site"
    shutil.copytree(SITE, folder, ignore=shutil.ignore_patterns("source", "_sources"))
    try:
        runtime.add_runtime(folder)
    except runtime.Missing as reason:
        pytest.skip(f"the runtime of the live pages is missing: {reason}")
    return folder, runtime


@pytest.fixture
def browser(tmp_path):
    with open_browser(tmp_path, "1200,1000", "host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1") as window:
        window.set_script_timeout(LIMIT)
        yield window


class LivePage:
    """A notebook's page as a reader uses it."""

    def __init__(self, browser, address):
        self.browser = browser
        browser.get(address)
        self.wait_for_buttons()

    def wait_for_buttons(self):
        self.wait_for(lambda: self.browser.execute_script("return document.querySelectorAll('.live-bar').length > 0"))

    def reload(self):
        self.browser.refresh()
        self.wait_for_buttons()

    def cell(self, containing):
        """The only cell whose code contains a text -> its index."""
        code = "return [...document.querySelectorAll('.cell')].map(c => c.querySelector('.cell_input pre').textContent)"
        (found,) = [index for index, text in enumerate(self.browser.execute_script(code)) if containing in text]
        return found

    def click(self, index, name):
        """Click a button of a cell; of the page, if index is None."""
        place = "document.querySelector('.live-intro')" if index is None else f"document.querySelectorAll('.cell')[{index}]"
        find = f"[...{place}.querySelectorAll('button')].find(b => b.textContent === arguments[0])"
        code = f"const b = {find}, there = !b.hidden; b.click(); return there"
        assert self.browser.execute_script(code, name), f"the button {name} is hidden"

    def wait(self, state="ready"):
        """Wait until nothing runs and Python has this state."""
        code = """return document.querySelector('#live-panel').dataset.state
            + (document.querySelector('[data-live=running], [data-live=waiting]') ? ' with cells' : '')"""
        end = time.monotonic() + LIMIT
        while (found := self.browser.execute_script(code)) != state:
            assert time.monotonic() < end and found != "failed", f"{found}: {self.panel()}"
            time.sleep(0.2)

    def wait_for(self, condition):
        end = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < end, self.panel()
            time.sleep(0.2)

    def panel(self):
        return self.browser.execute_script("return document.querySelector('#live-panel span').textContent")

    def states(self):
        return self.browser.execute_script("return [...document.querySelectorAll('.cell')].map(c => c.dataset.live)")

    def output(self, index):
        code = "return document.querySelectorAll('.cell')[arguments[0]].querySelector('.live-output')?.textContent ?? ''"
        return self.browser.execute_script(code, index)

    def type_line(self, index, containing, text):
        """Write another line in place of the one that contains a text, on the keyboard."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        cell = self.browser.find_elements(By.CSS_SELECTOR, ".cell")[index]
        self.browser.execute_script("arguments[0].querySelectorAll('details').forEach(d => d.open = true)", cell)
        (line,) = [each for each in cell.find_elements(By.CSS_SELECTOR, ".cm-line") if containing in each.text]
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", line)
        line.click()
        keys = cell.find_element(By.CSS_SELECTOR, ".cm-content")
        keys.send_keys(Keys.END, Keys.LEFT, Keys.RIGHT, Keys.SHIFT + Keys.HOME + Keys.NULL, text)

    def write(self, index, text):
        """Write a text in place of the code of a cell, on the keyboard."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        keys = self.browser.find_elements(By.CSS_SELECTOR, ".cell")[index].find_element(By.CSS_SELECTOR, ".cm-content")
        keys.send_keys(Keys.CONTROL + "a" + Keys.NULL, text)

    def loaded(self):
        return self.browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")


def stored_outputs():
    """The texts and the numbers of pictures of the notebook's cells, as it is committed."""
    cells = json.loads((ROOT / "notebooks" / "05_layer_norm.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]
    return [
        ("".join("".join(each["text"]) for each in its if each["output_type"] == "stream"),
         sum("image/png" in each.get("data", {}) for each in its))
        for its in outputs
    ]  # fmt: skip


def test_a_notebook_runs_and_a_mistake_in_its_backward_pass_is_found(site, browser):
    folder, _ = site
    with serve(folder) as address:
        page = LivePage(browser, address + PAGE)
        assert not [name for name in page.loaded() if any(part in name for part in ("pyodide", "editor.js", ".whl", ".zip"))]
        page.click(None, "Run all")
        page.wait()
        assert page.states() == ["done"] * len(page.states())
        assert all(name.startswith(address) for name in page.loaded())
        scripts = [name for name in page.loaded() if "_static/live/" in name]
        assert len(scripts) > 3 and all("?v=" in name for name in scripts), "a browser may have those of an older site"
        pictures = browser.execute_script(
            "return [...document.querySelectorAll('.cell')].map(c => c.querySelectorAll('.live-output .image_png img').length)"
        )
        for index, (text, number) in enumerate(stored_outputs()):
            assert pictures[index] == number, index
            if text.startswith(("Exercise", "Your turn", "[1, 2, 3]", "length of")):
                assert page.output(index) == text

        answer, check = page.cell("return rstd * (dxhat"), page.cell("for eps in (1e-12, 4.0)")
        page.type_line(answer, "return rstd * (dxhat", "return rstd * (dxhat - dxhat.mean(-1, keepdims=True))")
        assert browser.current_url == address + PAGE  # the arrow keys turn the pages of the site
        page.click(answer, "Run")
        page.click(check, "Run")
        page.wait()
        assert page.states()[check] == "failed" and "AssertionError" in page.output(check)
        assert page.output(check).startswith("x at [") and "they differ" in page.output(check)

        page.reload()  # the change is kept, the variables are not
        page.click(check, "Run")
        page.wait()
        assert "NameError" in page.output(check) and "have not been run" in page.output(check)
        assert browser.execute_script("return document.querySelectorAll('.live-changed').length") == 1
        page.click(answer, "Reset")
        page.click(check, "Run all above, and this")
        page.wait()
        assert page.states()[check] == "done" and browser.execute_script("return localStorage.length") <= 1


@pytest.mark.parametrize("isolated", [False, True], ids=["plain server", "isolated page"])
def test_an_endless_cell_is_stopped(site, browser, isolated):
    folder, _ = site
    with serve(folder, isolated) as address:
        page = LivePage(browser, address + PAGE)
        page.click(0, "Run")
        page.wait()
        page.write(0, "kept = 5\nprint('begun')\nwhile True: pass")
        page.click(0, "Run")
        page.wait_for(lambda: "begun" in page.output(0))
        assert page.states()[0] == "running"
        browser.execute_script("[...document.querySelectorAll('#live-panel button')].find(b => b.textContent === 'Stop').click()")
        page.wait("ready" if isolated else "stopped")
        assert isolated or "variables are gone" in page.panel()
        page.write(0, "'kept' in globals()")
        page.click(0, "Run")
        page.wait()
        assert page.output(0).strip() == str(isolated)


def test_little_is_downloaded(site):
    folder, runtime = site
    found = runtime.measure(folder)
    assert 5e6 < found["before the first cell"] <= 12e6 and found["all of these"] <= 45e6
