"""What all tests share: the backend in use is put back, and the helpers beside this file can be imported."""

import hypothesis
import pytest

from albert_np import backend

# The same examples every time: what passes today passes tomorrow.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _same_backend_afterwards(monkeypatch):
    monkeypatch.setattr(backend, "_current", backend._current)
