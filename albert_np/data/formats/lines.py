"""Text files, plain or packed (.gz, .xz): their text, their numbered lines, and JSON in them."""

import gzip
import json
import lzma
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from albert_np.io.files import DataError

FilePath = str | os.PathLike[str]
T = TypeVar("T", bound=Sequence[Any])


def read_bytes(path: FilePath) -> bytes:
    """Return the unpacked contents of a file. DataError if it is packed and damaged; OSError as from `open`."""
    path = Path(path)
    unpack = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix)
    try:
        with (unpack or open)(path, "rb") as file:  # type: ignore[operator]
            return file.read()
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: it cannot be unpacked ({error})") from None


def read_text(path: FilePath) -> str:
    """Return the text of a file without its byte order mark. DataError that names the byte if it is not UTF-8."""
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: it must be UTF-8, and byte {data[error.start]:#04x} is not") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}:{line}: it holds a NUL byte, so it is not text")
    return text


def read_lines(path: FilePath) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end). Only LF and CRLF end lines: a line may hold other separators."""
    lines = read_text(path).split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix("\r")


def parse_json(path: FilePath, text: str, line: int | None = None) -> Any:
    """Return the JSON of a file, or of one line of it. DataError that names the file and the line."""
    position = path if line is None else f"{path}:{line}"
    try:
        value = json.loads(text)
        if re.search(r"\\u[dD][89a-fA-F]", text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{line or error.lineno}: it is not valid JSON: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{position}: it is nested too deeply") from None
    except UnicodeEncodeError:
        raise DataError(f"{position}: it holds half of a surrogate pair, which is not text") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise DataError(f"{position}: it is not valid JSON: {error}") from None
    return value


def read_json_lines(path: FilePath) -> list[tuple[int, Any]]:
    """Return (line number, JSON value) of each line that is not empty."""
    return [(number, parse_json(path, line, number)) for number, line in read_lines(path) if line.strip()]


def require_examples(path: FilePath, examples: T) -> T:
    """Return the examples; DataError if there are none."""
    if not examples:
        raise DataError(f"{path}: there is no example in it")
    return examples


def get_suffix(path: FilePath) -> str:
    """Return the suffix in lower case, without that of packing: ".tsv" for "data.tsv.gz"."""
    path = Path(path)
    return (Path(path.stem) if path.suffix in (".gz", ".xz") else path).suffix.lower()


class UniqueIds:
    """Checks that the ids of a file differ."""

    def __init__(self, path: FilePath) -> None:
        self.path = path
        self._positions: dict[str, int | str] = {}

    def add(self, name: str, position: int | str) -> None:
        """Add an id. DataError that names both positions if it has been added before."""
        if name in self._positions:
            raise DataError(f"{self.path}:{position}: the id {name!r} is at {self._positions[name]} already")
        self._positions[name] = position
