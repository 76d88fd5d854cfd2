"""For `pytest --nbmake notebooks`: no network, and a minute for a whole notebook (nbmake's own limit is for each cell)."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from run import LIMIT, offline

offline()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Iterator[None]:
    start = time.perf_counter()
    result = yield
    seconds = time.perf_counter() - start
    assert seconds <= LIMIT, f"{item.name} took {seconds:.0f} s; the limit is {LIMIT} s"
    return result
