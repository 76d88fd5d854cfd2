"""Files that are written whole or not at all, JSON that is read strictly, and hashes."""

import hashlib
import json
import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from albert_np.io import impostors

JSON_LIMIT = 16 << 20  # bytes: a vocabulary of some 100,000 pieces; config and index files are a thousand times smaller


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, force it to the disk, and put it in place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # what the user's umask gives; some libraries write files that only their owner may read
        write(temporary)
        temporary.chmod(mode)
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: str | os.PathLike[str], limit: int = JSON_LIMIT) -> Any:
    """Read a JSON file (RFC 8259, UTF-8) more strictly than Python does; a byte order mark is read over.

    Raises ValueError, which names the file and the place, for what is not JSON (also NaN and Infinity, which Python reads), a
    key that stands twice (Python takes the last), numbers that no float64 holds, half a surrogate pair, an empty file, one
    above `limit` bytes, and for other kinds of file under this name; OSError as `open` does.
    """
    path = Path(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size or limit, limit) + 1)  # a pipe has no size
    if size > limit or len(data) > limit:
        raise ValueError(f"{path} is too long for JSON: it has {size} bytes, {limit} at most are read")
    impostors.check(path, data[:512], wanted="JSON")
    try:
        return parse_json(data)
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from None


def parse_json(data: bytes) -> Any:
    """What `read_json` makes of a file's bytes. Raises ValueError that says what is wrong, and where."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is UTF-16, and must be UTF-8")
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(
            text, object_pairs_hook=_each_key_once, parse_constant=_no_constant, parse_int=_integer, parse_float=_number
        )
        if re.search(r"\\u[dD][89a-fA-F]", text):
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text: nothing could write it again
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


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:100]!r} stands twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _integer(text: str) -> int:
    if len(text) > 308:  # as far as float64 goes; converting far longer ones takes Python seconds, or is refused
        raise ValueError(f"{text[:12]}... is a number of {len(text)} digits")
    return int(text)


def _number(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError(f"{text[:40]} is a number that float64 does not hold")
    return value


class Figure(Protocol):
    """A figure of matplotlib, as far as saving it goes."""

    def savefig(self, fname: Path, *, format: str, dpi: float) -> None: ...


def write_figures(folder: Path, draw: Callable[[], Mapping[str, Figure]]) -> list[Path]:
    """Save the figures {name: figure} that `draw` returns as PNG files in `folder`, and return their paths.

    Figures are drawn when a run's results are safe: an error in drawing or saving becomes a warning and never ends the run.
    """
    paths: list[Path] = []
    try:
        for name, figure in draw().items():
            make_folder(folder)
            write_figure(folder / f"{name}.png", figure)
            paths.append(folder / f"{name}.png")
    except Exception as error:
        warnings.warn(f"the figures in {folder} could not be drawn: {error}", stacklevel=2)
    return paths


def write_figure(path: Path, figure: Figure) -> None:
    """Save one figure as a PNG file, whole or not at all."""
    write_whole(path, lambda temporary: figure.savefig(temporary, format="png", dpi=120))


def make_folder(path: Path) -> None:
    """Make a folder and those above it; OSError says which could not be made (some file systems only say "no such file")."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"the folder {path} cannot be made: {error.strerror}") from None


def sync(path: Path) -> None:
    """Force a file's bytes, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
