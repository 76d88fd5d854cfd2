"""Text files -> paragraphs, with a mark where a document ends. A file is read once, front to back.

How a file is laid out is said by `layout` (the command line's ``--lines``):

  "sentence", "paragraph"   a line is a sentence, or a paragraph; a blank line ends the document.
  "wrapped"                 the lines of a paragraph were broken at some width: they are joined again. A blank line
                            ends the paragraph, so it cannot end the document too: two blank lines in a row do (as
                            between the chapters of a Gutenberg text).

With a `separator` a line that equals it ends the document and blank lines no longer do, in any layout. The end of a
file always ends a document. Line ends may be LF, CRLF or CR; a byte order mark at the start of a file is dropped.
"""

import gzip
import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LAYOUTS = ("sentence", "paragraph", "wrapped")
LONGEST_LINE = 1 << 26  # bytes; a "line" of more is no text, and would have to be held in memory
LONGEST_PARAGRAPH = 1 << 20  # characters after which a wrapped paragraph is ended at the next line: bounds the memory
BYTE_ORDER_MARK = "\ufeff"


class _Watched(io.RawIOBase):
    """The bytes of a file as they lie on the disk, counted and hashed on their way to the decompressor."""

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
        while self.read(1 << 20):  # what a decompressor may have left unread
            pass
        return self._sha256.hexdigest()

    def close(self) -> None:
        self._file.close()
        super().close()


class TextFile:
    """One UTF-8 text file; ``.gz`` and ``.xz`` are unpacked on the way.

    bytes_read   bytes taken from the disk so far (packed bytes of a packed file): for a progress bar.
    sha256       of the file as it lies on the disk; "" until `lines` has come to its end.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.bytes_read = 0
        self.sha256 = ""
        check_text_file(self.path)

    def lines(self) -> Iterator[str]:
        """Each line without its line end. ValueError: not UTF-8, a damaged .gz or .xz, or a line that is no line."""
        watched = _Watched(self.path)
        offset = 0  # of the line within the unpacked text
        with watched, _unpacked(self.path, watched) as file:
            for number, line in enumerate(self._raw_lines(file), start=1):
                self.bytes_read = watched.count
                if len(line) > LONGEST_LINE:
                    raise ValueError(f"{self.path}: line {number} is longer than {LONGEST_LINE >> 20} MiB")
                yield from self._decode(line, number, offset).rstrip("\r\n").split("\r")
                offset += len(line)
            self.sha256 = watched.digest()
            self.bytes_read = watched.count

    def _raw_lines(self, file: IO[bytes]) -> Iterator[bytes]:
        try:
            while line := file.readline(LONGEST_LINE + 1):
                yield line
        except (gzip.BadGzipFile, lzma.LZMAError, EOFError, zlib.error) as error:
            raise ValueError(f"{self.path} is damaged or no {self.path.suffix} file: {error}") from error

    def _decode(self, line: bytes, number: int, offset: int) -> str:
        try:
            text = line.decode("utf-8")
            return text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self.path} is not UTF-8: byte 0x{line[error.start]:02x} in line {number} (byte"
                f" {offset + error.start} of the text): {error.reason}. Convert it first, for example with: iconv -f"
                f" LATIN1 -t UTF-8"
            ) from None


def check_text_file(path: Path) -> None:
    """FileNotFoundError or ValueError unless `path` is a file with something in it."""
    if not path.exists():
        raise FileNotFoundError(f"no such text file: {path}")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ValueError(f"{path} is {kind}; name the text files themselves")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")


def _unpacked(path: Path, watched: io.RawIOBase) -> IO[bytes]:
    buffered = io.BufferedReader(watched, 1 << 18)
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=buffered)  # type: ignore[return-value]
    if path.suffix == ".xz":
        return lzma.LZMAFile(buffered)  # type: ignore[return-value]
    return buffered


def paragraphs(file: TextFile, layout: str = "paragraph", separator: str | None = None) -> Iterator[str | None]:
    """The paragraphs of a file (with layout "sentence": its sentences), stripped and never empty; None ends a
    document."""
    if layout not in LAYOUTS:
        raise ValueError(f"lines must be one of {', '.join(LAYOUTS)}, not {layout!r}")
    return _wrapped(file, separator) if layout == "wrapped" else _a_line_each(file, separator)


def _a_line_each(file: TextFile, separator: str | None) -> Iterator[str | None]:
    open_document = False
    for line in file.lines():
        line = line.strip()
        ends = line == separator.strip() if separator is not None else not line
        if ends and open_document:
            yield None
            open_document = False
        elif line and not ends:
            yield line
            open_document = True
    if open_document:
        yield None


def _wrapped(file: TextFile, separator: str | None) -> Iterator[str | None]:
    paragraph, blanks, open_document = "", 0, False
    for line in file.lines():
        line = line.strip()
        ends = separator is not None and line == separator.strip()
        blanks = 0 if line else blanks + 1
        if paragraph and (ends or not line or len(paragraph) > LONGEST_PARAGRAPH):
            yield paragraph
            paragraph, open_document = "", True
        if open_document and (ends or (separator is None and blanks == 2)):
            yield None
            open_document = False
        elif line and not ends:
            paragraph = _join(paragraph, line)
    if paragraph:
        yield paragraph
    if paragraph or open_document:
        yield None


def _join(paragraph: str, line: str) -> str:
    """A hyphen at the end of a line stays and takes no blank: "well-" + "known" (whether it is part of the word or only
    of the line break cannot be known)."""
    hyphen = len(paragraph) > 1 and paragraph.endswith("-") and not paragraph[-2].isspace()
    return paragraph + line if hyphen or not paragraph else paragraph + " " + line
