"""Write files atomically, read JSON strictly, and hash files."""

import hashlib
import json
import math
import mmap
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from albert_np.io import file_types

WEBASSEMBLY_DEPTH = 100  # of brackets: there too much recursion is no RecursionError but the end of Python
JSON_LIMIT = 16 << 20  # bytes: enough for a vocabulary of 100,000 pieces; config and index files are far smaller
Mapped = mmap.mmap | bytes  # the result of `map_file`
MAX_GLYPHS = 5  # characters that the font lacks, as examples in a message


class DataError(ValueError):
    """Raised when the contents of a file or a folder cannot be used, whatever the other arguments are."""


class IncompleteFolder(DataError, FileNotFoundError):
    """Raised when a folder lacks a file that it must have."""


@contextmanager
def data_errors() -> Iterator[None]:
    """Raise a ValueError of the block, which only reads files, as a DataError."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(str(error)) from error


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file atomically: `write` fills a temporary file beside `path`, which is synced to disk and renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # from the user's umask; some libraries create files that only their owner can read
        write(temporary)
        temporary.chmod(mode)
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. Half surrogate pairs, as in names of files that are not UTF-8, are escaped."""
    data = (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
    write_whole(path, lambda temporary: temporary.write_bytes(data))


def read_json(path: str | os.PathLike[str], limit: int = JSON_LIMIT, file_names: bool = False) -> Any:
    """Read a JSON file (RFC 8259, UTF-8) more strictly than Python does; a byte order mark is skipped.

    Raises DataError, which names the file and the position, for invalid JSON (also NaN and Infinity, which Python accepts), a
    repeated key (Python takes the last), numbers beyond float64, half a surrogate pair, an empty file, one above `limit` bytes,
    and other types of file under this name; OSError as `open` does. file_names: the JSON may hold names of files, so what stands
    in Python for their bytes that are not UTF-8, a kind of half surrogate pairs, is allowed.
    """
    path = Path(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size or limit, limit) + 1)  # a pipe has no size
    if size > limit or len(data) > limit:
        raise DataError(f"{path} is too long for JSON: it has {size} bytes, {limit} at most are read")
    with data_errors():
        file_types.check_type(path, data[:512], wanted="JSON")
    try:
        return parse_json(data, "surrogateescape" if file_names else "strict")
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON: {error}") from None


def parse_json(data: bytes, surrogates: str = "strict") -> Any:
    """Parse JSON as `read_json` does. Raises ValueError that says what is wrong, and where.

    surrogates: the error handler with which every string must be UTF-8.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is UTF-16, but must be UTF-8")
    try:
        text = data.decode("utf-8-sig")
        if sys.platform == "emscripten" and is_nested_deeper(text, WEBASSEMBLY_DEPTH):
            raise RecursionError
        value = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_float
        )
        if re.search(r"\\u[dD][89a-fA-F]", text):
            json.dumps(value, ensure_ascii=False).encode("utf-8", surrogates)  # half a surrogate pair cannot be encoded again
    except UnicodeDecodeError as error:
        where = f"byte {error.object[error.start]:#04x} at offset {error.start}"
        raise ValueError(f"it must be UTF-8, and {where} is not") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def is_nested_deeper(text: str, depth: int) -> bool:
    """Return whether brackets of a JSON text are nested deeper than `depth`."""
    level = 0
    for bracket in re.finditer(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', text):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(bracket[0], 0)
        if level > depth:
            return True
    return False


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key[:100]!r} occurs twice")
        result[key] = value
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _integer(text: str) -> int:
    if len(text) > 308:  # the range of float64; Python takes seconds to convert far longer ones, or refuses
        raise ValueError(f"{text[:12]}... is a number of {len(text)} digits")
    return int(text)


def _float(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError(f"{text[:40]} is too large for float64")
    return value


class Figure(Protocol):
    """A figure of matplotlib, as far as saving it goes."""

    def savefig(self, fname: Path, *, format: str, dpi: float) -> None: ...


def write_figures(folder: Path, draw: Callable[[], Mapping[str, Figure]]) -> list[Path]:
    """Save the figures {name: figure} that `draw` returns as PNG files in `folder`, and return the paths of those written.

    Figures are drawn when a run's results are safe: whatever fails, also for want of memory or space, is one warning and never
    ends the run. `draw` should import the plotting library itself. Characters that the font lacks are one warning, too.
    """
    paths: list[Path] = []
    failures: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _collect_failure(failures):
            for name, figure in draw().items():
                with _collect_failure(failures):
                    make_folder(folder)
                    write_figure(folder / f"{name}.png", figure)
                    paths.append(folder / f"{name}.png")
    if failures:
        different = "; ".join(dict.fromkeys(failures))
        warnings.warn(f"the figures in {folder} could not be drawn: {different}", stacklevel=2)
    _repeat_warnings(caught, folder)
    return paths


@contextmanager
def _collect_failure(failures: list[str]) -> Iterator[None]:
    """End the block at an exception, and add its message to `failures`."""
    try:
        yield
    except Exception as error:
        failures.append(str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__))


def _repeat_warnings(caught: list[warnings.WarningMessage], folder: Path) -> None:
    """Issue the warnings of drawing: all of missing glyphs as one, the others once each."""
    glyphs = [re.match(r"Glyph (\d+) .*missing from", str(each.message)) for each in caught]
    missing = sorted({chr(int(glyph[1])) for glyph in glyphs if glyph})
    if missing:
        some = " ".join(missing[:MAX_GLYPHS]) + (" ..." if len(missing) > MAX_GLYPHS else "")
        warnings.warn(
            f"the font of the figures in {folder} lacks {len(missing)} character{'s' if len(missing) > 1 else ''} of the names "
            f"({some}); boxes stand for them",
            stacklevel=3,
        )
    others = {str(each.message): each for each, glyph in zip(caught, glyphs) if glyph is None}
    for each in others.values():
        warnings.warn(each.message, each.category, stacklevel=3)


def write_figure(path: Path, figure: Figure) -> None:
    """Save one figure as a PNG file, whole or not at all."""
    write_whole(path, lambda temporary: figure.savefig(temporary, format="png", dpi=120))


def make_folder(path: Path) -> None:
    """Create a folder and its parents. OSError names the folder (some file systems only report "no such file")."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"the folder {path} cannot be created: {error.strerror}") from None


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """Write a folder atomically: the block fills a temporary folder, which is renamed to `path` unless an error is raised.

    `path` must not exist, or be an empty folder.
    """
    make_folder(path.parent)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
        folder = Path(temporary) / path.name
        folder.mkdir()
        yield folder
        if path.exists():
            path.rmdir()
        folder.rename(path)


def map_file(path: Path) -> Mapped:
    """Return a file's bytes, mapped into memory, or read where files cannot be mapped, as on a browser's virtual drives."""
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError:
            return file.read()


def sync(path: Path) -> None:
    """Flush a file's bytes, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
