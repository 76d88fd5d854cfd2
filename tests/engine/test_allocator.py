"""The C library keeps freed memory, unless the user has set it otherwise."""

import platform

import pytest

from albert_np.engine import allocator

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")


@glibc
def test_freed_memory_is_kept(monkeypatch):
    for name in allocator.USER_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert allocator.keep_freed_memory() is True


@pytest.mark.parametrize("name", allocator.USER_SETTINGS)
def test_the_users_setting_takes_precedence(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert allocator.keep_freed_memory() is False


def test_other_systems_are_unchanged(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert allocator.keep_freed_memory() is False
