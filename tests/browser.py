"""A headless Chromium for tests of pages; a test that asks for it is skipped where there is none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync", "disable-dev-shm-usage",
)  # fmt: skip


@contextmanager
def open_browser(folder: Path, size: str, *more: str) -> Iterator[Any]:
    """Open a window of this size, such as "900,1000", with its profile in a folder of the test; more: other arguments."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: the page is not tried in a browser")
    found, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not (found and driver):
        pytest.skip("chromium and chromedriver are not installed: the page is not tried in a browser")
    options = selenium.ChromeOptions()
    options.binary_location = found
    for argument in (*ARGUMENTS, *more, f"window-size={size}", f"user-data-dir={folder / 'profile'}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = selenium.Chrome(options, selenium.ChromeService(driver, log_output=os.devnull))
    window.implicitly_wait(10)
    yield window
    window.quit()
