"""Google's releases: a folder packed as .tar.gz, of which the members that are wanted are unpacked into a temporary folder.

An archive is taken as if an enemy had written it. Members go by the last part of their name alone, and only names of known
patterns are taken, so that none can lead out of the folder. Only plain files are. And of what an archive unpacks to, no more
is read, taken or passed over, than weights could have been packed into its bytes.
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

from albert_np.io import impostors
from albert_np.io.config_files import TF_WEIGHTS, TORCH_WEIGHTS, is_config

ENDINGS = (".tar.gz", ".tgz", ".tar")

# Float weights hardly shrink, and Adam's slots that are still zero make it a third. gzip's most is 1032 to 1.
MOST_RATIO = 20
MOST_ALWAYS = 64 << 20  # bytes that any archive may unpack to: the graphs and texts beside small weights shrink well
MOST_MEMBERS = 10_000
LONGEST_READ = 1 << 20  # bytes: no header of an honest archive is longer, and files are copied in such pieces

TOKENIZER = ("*.model", "*vocab*.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
WEIGHTS = (*TORCH_WEIGHTS, *TF_WEIGHTS, "*.data-*-of-*", "checkpoint")  # not .meta, the graph: long, and nothing reads it


@contextmanager
def unpacked(path: Path, what: str) -> Iterator[Path]:
    """A folder with the members that are wanted, under the last parts of their names; gone after the `with` block.

    what: "config" (with the index of TensorFlow weights, which says what they are), "tokenizer" or "model". The whole archive
    is read, since gzip's checksum stands at its end. Each error names the archive: ValueError if it is damaged, cut short, a
    bomb, or if two members or a link would be the file that is wanted; FileNotFoundError if none is; OSError if the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.") as folder:
        _unpack(path, what, Path(folder))
        yield Path(folder)


def is_wanted(name: str, what: str) -> bool:
    """Whether a member of this name (its last part) is needed for a "config", "tokenizer" or "model"."""
    if name.startswith(".") or not re.fullmatch(
        r"[\w. ()+-]{1,200}", name
    ):  # also "._config.json", which macOS adds to each file
        return False
    if what == "tokenizer":
        return any(fnmatchcase(name, pattern) for pattern in TOKENIZER)
    return is_config(name) or any(fnmatchcase(name, pattern) for pattern in (WEIGHTS if what == "model" else TF_WEIGHTS))


class _Forward:
    """A binary file that is read forwards only, in short pieces, and to a limit: what tarfile is given to read from."""

    def __init__(self, file: BinaryIO, limit: int, path: Path) -> None:
        self.file, self.limit, self.path = file, limit, path
        self.last = b""  # what was read last: after the last member, the block that ends the archive

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, place: int) -> None:
        if place < self.tell():
            raise tarfile.ReadError("a member of negative size")
        self.check(place)
        self.file.seek(place)

    def read(self, size: int) -> bytes:
        if not 0 <= size <= LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self.file.read(size)
        self.check(self.tell())
        return self.last

    def check(self, place: int) -> None:
        if place > self.limit:
            raise ValueError(f"{self.path} unpacks to more than {self.limit >> 20} MiB, {MOST_RATIO} times its size: refused")


def _unpack(path: Path, what: str, folder: Path) -> None:
    limit = MOST_ALWAYS + MOST_RATIO * path.stat().st_size
    try:
        with open(path, "rb") as raw:
            head = raw.read(512)
            impostors.check(path, head, own="a gzip archive", wanted="an archive")
            raw.seek(0)
            packed = head.startswith(b"\x1f\x8b")
            with gzip.open(raw) if packed else raw as file:
                names = _take(_Forward(file, limit, path), what, folder)  # type: ignore[arg-type]
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RecursionError, OverflowError, UnicodeError) as error:
        raise ValueError(f"{path} is not a tar archive, or damaged or cut short: {error}") from None
    _check_complete(path, what, names)


def _check_complete(path: Path, what: str, names: list[str]) -> None:
    """FileNotFoundError that says what an archive with plain files of these names lacks, and what it has."""
    held = ", ".join(name[:40] for name in names[:12]) + (" ..." if len(names) > 12 else "")
    if what == "tokenizer" and not any(is_wanted(name, what) for name in names):
        raise FileNotFoundError(f"{path} holds no tokenizer: its files are {held or 'none'}")
    if what != "tokenizer" and not any(is_config(name) and is_wanted(name, what) for name in names):
        raise FileNotFoundError(f"{path} holds no config, such as albert_config.json: its files are {held or 'none'}")
    if what == "model" and not any(is_wanted(name, what) and not is_config(name) for name in names):
        raise FileNotFoundError(f"{path} holds no weights: its files are {held or 'none'}")


def _take(file: _Forward, what: str, folder: Path) -> list[str]:
    """Unpack what is wanted -> the names of all plain files. Ends only where the archive ends, with its checksum compared."""
    names: list[str] = []
    with tarfile.open(fileobj=file, mode="r:") as tar:  # type: ignore[call-overload]
        members = 0
        while (member := tar.next()) is not None:
            members += 1
            if members > MOST_MEMBERS:
                raise ValueError(f"{file.path} has more than {MOST_MEMBERS} members: refused")
            if member.isdir():
                continue
            name = re.split(r"[/\\]", member.name)[-1]
            if is_wanted(name, what):
                _copy(tar, member, folder / name, file)
            names.append(name)
    if len(file.last) < tarfile.BLOCKSIZE or any(file.last):  # tarfile takes a header that it cannot read for the end
        raise tarfile.ReadError(f"there is no end mark after {len(names)} files")
    while file.read(LONGEST_READ):
        pass
    return names


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, file: _Forward) -> None:
    if not member.isreg() or member.issparse():
        raise ValueError(f"{file.path}: its member {member.name[:200]!r} is not a plain file, but a link or something else")
    if target.exists():
        raise ValueError(f"{file.path}: it has two files {target.name}, and which one is meant is not known")
    file.check(file.tell() + member.size)
    room = shutil.disk_usage(target.parent).free
    if member.size > room:
        needed = f"{file.path} needs {member.size} bytes for {target.name}"
        raise OSError(f"{needed}, and {target.parent} has {room}: set TMPDIR to another folder")
    source = tar.extractfile(member)
    assert source is not None  # None is for what is not a plain file
    with open(target, "xb") as copy:
        shutil.copyfileobj(source, copy, LONGEST_READ)
    if target.stat().st_size != member.size:
        raise tarfile.ReadError(f"{target.name} is cut short")
