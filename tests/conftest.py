"""What all tests share: the backend in use is put back, and the helpers beside this file can be imported."""

import pytest

from albert_np import backend


@pytest.fixture(autouse=True)
def _same_backend_afterwards(monkeypatch):
    monkeypatch.setattr(backend, "_current", backend._current)
