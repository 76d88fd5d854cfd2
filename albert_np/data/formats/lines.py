"""The lines of a text file, plain or packed (.gz, .xz), with their numbers."""

import gzip
import json
import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_bytes(path: Any) -> bytes:
    """The contents of a file, unpacked. ValueError if it is packed and damaged; OSError as `open` does."""
    path = Path(path)
    unpack = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix)
    try:
        with (unpack or open)(path, "rb") as file:  # type: ignore[operator]
            return file.read()
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: it cannot be unpacked ({error})") from None


def read_text(path: Any) -> str:
    """The text of a file; a byte order mark is read over. ValueError that names the byte if it is not UTF-8."""
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{line}: it must be UTF-8, and byte {data[error.start]:#04x} is not") from None
    if "\0" in text:
        raise ValueError(f"{path}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: it holds a NUL byte, so it is no text")
    return text


def read_lines(path: Any) -> Iterator[tuple[int, str]]:
    """(number from 1, line without its end) of each line. Only LF and CRLF end lines: a line may hold other separators."""
    lines = read_text(path).split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix("\r")


def parsed(path: Any, text: str, number: int | None = None) -> Any:
    """The JSON of a file, or of its line of this number. ValueError that names the file and the line."""
    place = path if number is None else f"{path}:{number}"
    try:
        value = json.loads(text)
        if re.search(r"\\u[dD][89a-fA-F]", text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{number or error.lineno}: it is not valid JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError(f"{place}: it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError(f"{place}: it holds half of a surrogate pair, which is no text") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise ValueError(f"{place}: it is not valid JSON: {error}") from None
    return value


def some(path: Any, examples: list[Any]) -> list[Any]:
    """The examples; ValueError if there is none."""
    if not examples:
        raise ValueError(f"{path}: there is no example in it")
    return examples


def kind_of(path: Any) -> str:
    """ "data.tsv.gz" -> ".tsv" """
    path = Path(path)
    return (Path(path.stem) if path.suffix in (".gz", ".xz") else path).suffix.lower()


class Ids:
    """Ids that must differ: each with the place where it was first seen."""

    def __init__(self, path: Any) -> None:
        self.path, self.seen = path, {}  # type: ignore[var-annotated]

    def add(self, name: str, place: Any) -> None:
        if name in self.seen:
            raise ValueError(f"{self.path}:{place}: the id {name!r} is at {self.seen[name]} already")
        self.seen[name] = place
