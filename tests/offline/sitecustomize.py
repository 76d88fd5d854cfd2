"""With this folder on PYTHONPATH a Python reaches no machine but its own: notebooks are executed so, and must not notice."""

import socket
from typing import Any

LOCAL = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", None}
connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def checked(host: Any) -> None:
    if (host.decode() if isinstance(host, bytes) else host) not in LOCAL:
        raise OSError(f"no network is to be used here, but {host!r} was asked for")


def local_connect(self: Any, address: Any) -> Any:
    checked(address[0] if isinstance(address, tuple) else None)
    return connect(self, address)


def local_connect_ex(self: Any, address: Any) -> Any:
    checked(address[0] if isinstance(address, tuple) else None)
    return connect_ex(self, address)


def local_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
    checked(host)
    return getaddrinfo(host, *arguments, **options)


socket.socket.connect = local_connect  # type: ignore[method-assign]
socket.socket.connect_ex = local_connect_ex  # type: ignore[method-assign]
socket.getaddrinfo = local_getaddrinfo
