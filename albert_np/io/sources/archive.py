"""Unpack the wanted members of Google's .tar.gz releases into a temporary folder.

Archives are untrusted. A member is unpacked under the last part of its name, and only if that matches a known pattern, so that
nothing is written outside the folder. Links, devices and sparse files are refused; tarfile's data filter applies besides. The
number of members and the unpacked size, including skipped members, are limited.
"""

import gzip
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from albert_np.io import file_types
from albert_np.io.config_files import TF_WEIGHTS, TORCH_WEIGHTS, is_config

ENDINGS = (".tar.gz", ".tgz", ".tar")

# Float weights hardly compress; with Adam's slots still zero the ratio is 3. The maximum of gzip is 1032.
MAX_RATIO = 20
ALWAYS_ALLOWED = 64 << 20  # bytes that any archive may unpack to: graphs and texts beside small weights compress well
MAX_MEMBERS = 10_000
MAX_READ = 1 << 20  # bytes: longer headers do not occur in regular archives

TASK = "task.json"  # of a model that `finetune` trained, with the scale of a regression's labels
TOKENIZER = ("*.model", "*vocab*.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
WEIGHTS = (*TORCH_WEIGHTS, *TF_WEIGHTS, "*.data-*-of-*", "checkpoint")  # not the graph (.meta), which is large and not needed


@contextmanager
def unpacked(path: Path, what: str) -> Iterator[Path]:
    """Give a folder with the wanted members, under the last parts of their names; it is deleted after the `with` block.

    what: "config" (with the index of TensorFlow weights, which decides the meaning of "gelu"), "tokenizer" or "model". The whole
    archive is read, since gzip's checksum is at its end. Each error names the archive: ValueError if it is damaged, truncated, a
    bomb, or if a wanted file occurs twice or is a link; FileNotFoundError if it is missing; OSError if the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.") as folder:
        _unpack(path, what, Path(folder))
        yield Path(folder)


def is_wanted(name: str, what: str) -> bool:
    """Return whether a member with this last part of its name is needed for a "config", "tokenizer" or "model"."""
    if name.startswith(".") or not re.fullmatch(r"[\w. ()+-]{1,200}", name):  # "._config.json" is metadata of macOS
        return False
    if what == "tokenizer":
        return any(fnmatchcase(name, pattern) for pattern in TOKENIZER)
    if name == TASK:
        return what == "model"
    return is_config(name) or any(fnmatchcase(name, pattern) for pattern in (WEIGHTS if what == "model" else TF_WEIGHTS))


class _BoundedReader:
    """A binary file for tarfile that is read forwards only, in short reads, up to a limit."""

    def __init__(self, file: BinaryIO, limit: int, path: Path) -> None:
        self.file, self.limit, self.path = file, limit, path
        self.last = b""  # the last bytes read: after the last member, the block that ends the archive

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, position: int) -> None:
        if position < self.tell():
            raise tarfile.ReadError("a member of negative size")
        self.check(position)
        self.file.seek(position)

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self.file.read(size)
        self.check(self.tell())
        return self.last

    def check(self, position: int) -> None:
        """Raise ValueError for a position beyond the limit."""
        if position > self.limit:
            raise ValueError(f"{self.path} unpacks to more than {self.limit >> 20} MiB, {MAX_RATIO} times its size: refused")


def _unpack(path: Path, what: str, folder: Path) -> None:
    limit = ALWAYS_ALLOWED + MAX_RATIO * path.stat().st_size
    try:
        with open(path, "rb") as raw:
            head = raw.read(512)
            file_types.check_type(path, head, expected="a gzip archive", wanted="an archive")
            raw.seek(0)
            packed = head.startswith(b"\x1f\x8b")
            with gzip.open(raw) if packed else raw as file:
                names = _extract_wanted(_BoundedReader(file, limit, path), what, folder)  # type: ignore[arg-type]
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RecursionError, OverflowError, UnicodeError) as error:
        raise ValueError(f"{path} is not a tar archive, or damaged or cut short: {error}") from None
    _check_complete(path, what, names)


def _check_complete(path: Path, what: str, names: list[str]) -> None:
    """Raise FileNotFoundError, which lists the archive's files, if the wanted ones are not among these names."""
    listed = ", ".join(name[:40] for name in names[:12]) + (" ..." if len(names) > 12 else "")
    if what == "tokenizer" and not any(is_wanted(name, what) for name in names):
        raise FileNotFoundError(f"{path} holds no tokenizer: its files are {listed or 'none'}")
    if what != "tokenizer" and not any(is_config(name) and is_wanted(name, what) for name in names):
        raise FileNotFoundError(f"{path} holds no config, such as albert_config.json: its files are {listed or 'none'}")
    if what == "model" and not any(is_wanted(name, what) and not is_config(name) and name != TASK for name in names):
        raise FileNotFoundError(f"{path} holds no weights: its files are {listed or 'none'}")


def _extract_wanted(file: _BoundedReader, what: str, folder: Path) -> list[str]:
    """Unpack the wanted members and return the names of all files. Reads to the end, where gzip verifies its checksum."""
    names: list[str] = []
    with tarfile.open(fileobj=file, mode="r:") as tar:  # type: ignore[call-overload]
        # only the patch releases of Python since 2023 have the filter; the checks here do not depend on it
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        members = 0
        while (member := tar.next()) is not None:
            members += 1
            if members > MAX_MEMBERS:
                raise ValueError(f"{file.path} has more than {MAX_MEMBERS} members: refused")
            if member.isdir():
                continue
            name = re.split(r"[/\\]", member.name)[-1]
            if is_wanted(name, what):
                _extract(tar, member, folder / name, file)
            names.append(name)
    if len(file.last) < tarfile.BLOCKSIZE or any(file.last):  # tarfile stops without an error at a header that it cannot read
        raise tarfile.ReadError(f"there is no end mark after {len(names)} files")
    while file.read(MAX_READ):
        pass
    return names


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, file: _BoundedReader) -> None:
    """Unpack one member as `target`, after its type and size have been checked."""
    if not member.isreg() or member.issparse():
        raise ValueError(f"{file.path}: its member {member.name[:200]!r} is not a plain file, but a link or something else")
    if target.exists():
        raise ValueError(f"{file.path}: it has two files named {target.name}, so it is unclear which one to use")
    file.check(file.tell() + member.size)
    free = shutil.disk_usage(target.parent).free
    if member.size > free:
        needed = f"{file.path} needs {member.size} bytes for {target.name}"
        raise OSError(f"{needed}, and {target.parent} has {free}: set TMPDIR to another folder")
    member.name, member.mode = target.name, 0o600
    tar.extract(member, target.parent)
