"""The standard streams: output that every encoding can take, and texts from outside, which are UTF-8."""

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import typer

from albert_np.io.files import DataError

BYTE_ORDER_MARK = "\ufeff"


def make_output_safe() -> None:
    """Let stdout and stderr write every character: as an escape such as \\u4ef7 where the stream's encoding lacks it.

    A stream without an encoding, such as a StringIO, takes every character as it is.
    """
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            with contextlib.suppress(OSError, ValueError):  # it is closed
                reconfigure(errors="backslashreplace")


def is_unicode(stream: Any) -> bool:
    """Return whether a stream's encoding has every character (UTF-8 and its relatives)."""
    encoding = getattr(stream, "encoding", None)
    return not encoding or codecs.lookup(encoding).name.startswith("utf")


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal; one that was never open (None) is not."""
    return stream is not None and stream.isatty()


def read_stdin() -> Iterator[str]:
    """Yield the lines of standard input, without their ends: UTF-8, or what the terminal's keyboard sends.

    A byte order mark at the beginning is dropped. DataError that names the line and the byte if it is not UTF-8.
    """
    source = sys.stdin if is_terminal(sys.stdin) else getattr(sys.stdin, "buffer", sys.stdin)
    for number, line in enumerate(source or (), start=1):
        text = line if isinstance(line, str) else _decode(line, number)
        yield (text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text).removesuffix("\n").removesuffix("\r")


def _decode(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise DataError(f"standard input, line {number}: it must be UTF-8, and byte {byte:#04x} is not") from None


def decode_argument(text: str, name: str) -> str:
    """Return a text that was given as an argument. Python marks bytes that are not of the locale's encoding: they are UTF-8.

    typer.BadParameter that names the argument otherwise.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeError):
            return os.fsencode(text).decode()
        raise typer.BadParameter(f"{name} must be UTF-8, not {text!a}") from None
    return text
