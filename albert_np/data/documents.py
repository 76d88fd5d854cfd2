"""Text files -> paragraphs, with a mark where a document ends. A file is read once, front to back.

`layout` (the command line's ``--lines``) is the layout of a file:

  "sentence", "paragraph"   a line is a sentence, or a paragraph; an empty line ends the document.
  "wrapped"                 the lines of a paragraph were broken at some width: they are joined again. An empty line
                            ends the paragraph, so it cannot end the document too: two empty lines in a row do (as
                            between the chapters of a Gutenberg text).

With a `separator`, a line that equals it ends the document and empty lines no longer do, in any layout. The end of a
file always ends a document. Line ends may be LF, CRLF or CR. A byte order mark is dropped at the start of any line (files
with one may have been joined), and a line of nothing but white space and zero-width characters is empty.
"""

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from albert_np.data.text_files import BYTE_ORDER_MARK, check_plausible, find_encoding
from albert_np.data.xz import LZMAError, open_xz
from albert_np.io.files import DataError

LAYOUTS = ("paragraph", "sentence", "wrapped")
LONGEST_LINE = 1 << 26  # bytes; longer "lines" are not text, and would have to be held in memory
START = 4096  # bytes at the start of a file, by which its encoding is recognised
LONGEST_PARAGRAPH = 1 << 20  # characters after which a wrapped paragraph is ended at the next line: bounds the memory
INVISIBLE = "\u200b\u2060\ufeff"  # zero-width characters that are not part of any word


class _HashingFile(io.RawIOBase):
    """A file on disk whose bytes are counted and hashed as they are read, before they are decompressed."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  closed with this object
        self._sha256 = hashlib.sha256()
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        n = self._file.readinto(buffer)
        self._sha256.update(memoryview(buffer)[:n])
        self.count += n
        return n

    def digest(self) -> str:
        """Read the rest of the file, which a decompressor may have left, and return the SHA-256 of the whole."""
        while self.read(1 << 20):
            pass
        return self._sha256.hexdigest()

    def close(self) -> None:
        self._file.close()
        super().close()


class TextFile:
    """One text file, in UTF-8, or in UTF-16 with a byte order mark; ``.gz`` and ``.xz`` are unpacked as they are read.

    bytes_read   bytes read from disk so far (packed bytes of a packed file), for a progress bar
    sha256       of the file on disk; "" until `lines` has reached the end
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.bytes_read = 0
        self.sha256 = ""
        check_text_file(self.path)

    def lines(self) -> Iterator[str]:
        """Yield each line without its line end. ValueError: another encoding, a damaged .gz or .xz, or too long a line."""
        packed = _HashingFile(self.path)
        offset = 0  # of the line within the unpacked text
        with packed, _unpack(self.path, packed) as file:
            for number, line in enumerate(self._raw_lines(file), start=1):
                self.bytes_read = packed.count
                if len(line) > LONGEST_LINE:
                    hint = "; it has CR alone: convert these line ends first, for example with: tr '\\r' '\\n'" * (b"\r" in line)
                    raise DataError(f"{self.path}: line {number} is longer than {LONGEST_LINE >> 20} MiB{hint}")
                for part in self._decode(line, number, offset).rstrip("\r\n").split("\r"):
                    yield part.removeprefix(BYTE_ORDER_MARK)
                offset += len(line)
            self.sha256 = packed.digest()
            self.bytes_read = packed.count

    def _raw_lines(self, file: Any) -> Iterator[bytes]:
        """Yield the lines as UTF-8, each with its line end."""
        try:
            start = file.peek(START)[:START]
            check_plausible(start, str(self.path))
            encoding = find_encoding(start)
            if encoding == "utf-8":
                yield from iter(lambda: file.readline(LONGEST_LINE + 1), b"")
            else:
                yield from self._transcode(file, encoding)
        except (gzip.BadGzipFile, LZMAError, EOFError, zlib.error) as error:
            raise DataError(f"{self.path} is damaged or not a {self.path.suffix} file: {error}") from error

    def _transcode(self, file: Any, encoding: str) -> Iterator[bytes]:
        reader = io.TextIOWrapper(file, encoding=encoding, newline="\n")
        try:
            while line := reader.readline(LONGEST_LINE + 1):
                yield line.encode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path} begins like {encoding.upper()} and is not: {error.reason}") from None
        finally:
            reader.detach()  # it would close the file

    def _decode(self, line: bytes, number: int, offset: int) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.path} is not UTF-8: byte 0x{line[error.start]:02x} in line {number} (byte"
                f" {offset + error.start} of the text): {error.reason}. Convert it first, for example with: iconv -f"
                f" LATIN1 -t UTF-8 {self.path}"
            ) from None


def check_text_file(path: Path) -> None:
    """Raise FileNotFoundError or ValueError unless `path` is a file that is not empty."""
    if not path.exists():
        raise FileNotFoundError(f"no such text file: {path}")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not a regular file"
        raise ValueError(f"{path} is {kind}; name the text files themselves")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty")


def _unpack(path: Path, packed: io.RawIOBase) -> IO[bytes]:
    buffered = io.BufferedReader(packed, 1 << 18)
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=buffered)  # type: ignore[return-value]
    if path.suffix == ".xz":
        return open_xz(path, buffered)
    return buffered


def paragraphs(file: TextFile, layout: str = "paragraph", separator: str | None = None) -> Iterator[str | None]:
    """Yield the paragraphs of a file (with layout "sentence": its sentences), stripped and never empty; None ends a document.

    ValueError for an unknown layout; see `TextFile.lines` for others.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"lines must be one of {', '.join(LAYOUTS)}, not {layout!r}")
    return _join_lines(file, separator) if layout == "wrapped" else _read_lines(file, separator)


def strip(line: str) -> str:
    """Return a line without the white space around it; "" for one that shows nothing."""
    line = line.strip()
    shows_nothing = line[:1] in INVISIBLE and not line.translate(dict.fromkeys(map(ord, INVISIBLE))).strip()
    return "" if shows_nothing else line


def _read_lines(file: TextFile, separator: str | None) -> Iterator[str | None]:
    open_document = False
    for line in file.lines():
        line = strip(line)
        ends = line == separator.strip() if separator is not None else not line
        if ends and open_document:
            yield None
            open_document = False
        elif line and not ends:
            yield line
            open_document = True
    if open_document:
        yield None


def _join_lines(file: TextFile, separator: str | None) -> Iterator[str | None]:
    paragraph, empty_lines, open_document = "", 0, False
    for line in file.lines():
        line = strip(line)
        ends = separator is not None and line == separator.strip()
        empty_lines = 0 if line else empty_lines + 1
        if paragraph and (ends or not line or len(paragraph) > LONGEST_PARAGRAPH):
            yield paragraph
            paragraph, open_document = "", True
        if open_document and (ends or (separator is None and empty_lines == 2)):
            yield None
            open_document = False
        elif line and not ends:
            paragraph = _append_line(paragraph, line)
    if paragraph:
        yield paragraph
    if paragraph or open_document:
        yield None


def _append_line(paragraph: str, line: str) -> str:
    """Append a line after a space. A final hyphen stays, without a space: "well-" + "known" (it may be part of the word)."""
    hyphen = len(paragraph) > 1 and paragraph.endswith("-") and not paragraph[-2].isspace()
    return paragraph + line if hyphen or not paragraph else paragraph + " " + line
