"""The C library is told to keep freed memory, unless the user has said otherwise."""

import platform

import pytest

from albert_np.engine import allocator as machine

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")


@glibc
def test_it_is_told(monkeypatch):
    for name in machine.YOURS:
        monkeypatch.delenv(name, raising=False)
    assert machine.keep_freed_memory() is True


@pytest.mark.parametrize("name", machine.YOURS)
def test_what_you_set_stays(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert machine.keep_freed_memory() is False


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert machine.keep_freed_memory() is False
