"""Text files, plain or packed (.gz, .xz): their text, their numbered lines, and JSON in them."""

import codecs
import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from albert_np.data.xz import LZMAError, open_xz
from albert_np.io.files import DataError

FilePath = str | os.PathLike[str]
T = TypeVar("T", bound=Sequence[Any])
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32-LE"), (codecs.BOM_UTF32_BE, "UTF-32-BE"), (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"), (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)  # fmt: skip
# The first bytes of files that are not text, and how they become text.
NOT_TEXT = (
    (b"\x1f\x8b", "it is packed by gzip: its name must end in .gz"),
    (b"\xfd7zXZ\0", "it is packed by xz: its name must end in .xz"),
    (b"BZh91AY&SY", "it is packed by bzip2: unpack it, or pack it by gzip or xz"),
    (b"PK\x03\x04", "it is a .zip or .xlsx file, not text: unpack it, or save the table as .csv"),
    (b"\xd0\xcf\x11\xe0", "it is an old Office file, not text: save the table as .csv"),
    (b"PAR1\x15", "it is a Parquet file, not text: save the table as .csv or .jsonl"),
    (b"ARROW1\0", "it is an Arrow file, not text: save the table as .csv or .jsonl"), (b"%PDF-", "it is a PDF, not text"),
    (b"version https://git-lfs.github.com/", "it is a pointer of Git LFS, not the file itself: git lfs pull fetches that"),
    (b"<!DOCTYPE html", "it is a web page, not the file itself"), (b"<!doctype html", "it is a web page, not the file itself"),
)  # fmt: skip


def read_bytes(path: FilePath) -> bytes:
    """Return the unpacked contents of a file. DataError if it is packed and damaged; OSError as from `open`."""
    path = Path(path)
    unpack = {".gz": gzip.open, ".xz": _open_xz}.get(path.suffix.lower())
    try:
        with (unpack or open)(path, "rb") as file:  # type: ignore[operator]
            return file.read()
    except (EOFError, LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: it cannot be unpacked ({error})") from None


def _open_xz(path: Path, mode: str) -> Any:
    return open_xz(path)


def read_text(path: FilePath) -> str:
    """Return the text of a file without its byte order mark, as `decode_text` reads it."""
    return decode_text(path, read_bytes(path))[0]


def decode_text(path: FilePath, data: bytes) -> tuple[str, str]:
    """Return the text of a file's bytes, without a byte order mark, and the name of its encoding.

    The encoding is UTF-8, or UTF-16 or UTF-32 with a byte order mark. DataError that names the line and the byte if it is not, or
    the kind of a file that is not text.
    """
    for start, reason in NOT_TEXT:
        if data.startswith(start):
            raise DataError(f"{path}: {reason}")
    name, mark = next(((name, mark) for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), ("UTF-8", b""))
    try:
        text = data[len(mark) :].decode(name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        advice = "" if mark else "; if it is in another encoding, convert it first: iconv -f LATIN1 -t UTF-8"
        byte = data[len(mark) + error.start]
        raise DataError(f"{path}:{line}: it must be {name}, and byte {byte:#04x} is not{advice}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        advice = "; UTF-16 is read if it begins with a byte order mark" if text.count("\0") * 4 > len(text) else ""
        raise DataError(f"{path}:{line}: it holds a NUL byte, so it is not text{advice}")
    return text, name


def split_lines(text: str) -> list[str]:
    """Return the lines without their ends: LF, CRLF or, in a text without LF, CR. A line may hold other separators.

    A byte order mark at the beginning of a line, as files that were joined have it, is left out.
    """
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.rstrip("\r").removeprefix("\ufeff") for line in lines]


def read_lines(path: FilePath) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end), see `split_lines`."""
    yield from enumerate(split_lines(read_text(path)), start=1)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these keys and values. ValueError if a key is there twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)[:40]!r} is there twice")
    return values


def parse_json(path: FilePath, text: str, line: int | None = None) -> Any:
    """Return the JSON of a file, or of one line of it. DataError that names the file and the line."""
    position = path if line is None else f"{path}:{line}"
    try:
        value = json.loads(text, object_pairs_hook=_make_object)
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


def parse_json_lines(path: FilePath, text: str) -> list[tuple[int, Any]]:
    """Return (line number, JSON value) of each line that is not empty."""
    return [(number, parse_json(path, line, number)) for number, line in enumerate(split_lines(text), start=1) if line.strip()]


def parse_json_or_lines(path: FilePath, text: str) -> list[tuple[int | None, Any]]:
    """Return [(None, value)] of a text that is one JSON value, and those of `parse_json_lines` if a second value follows."""
    try:
        return [(None, parse_json(path, text))]
    except DataError as error:
        if not str(error).endswith("Extra data"):  # a second value
            raise
    return [*parse_json_lines(path, text)]


def require_examples(path: FilePath, examples: T) -> T:
    """Return the examples; DataError if there are none."""
    if not examples:
        raise DataError(f"{path}: there is no example in it")
    return examples


def get_suffix(path: FilePath) -> str:
    """Return the suffix in lower case, without that of packing: ".tsv" for "data.tsv.gz"."""
    path = Path(path)
    return (Path(path.stem) if path.suffix.lower() in (".gz", ".xz") else path).suffix.lower()


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
