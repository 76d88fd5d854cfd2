"""The zip format of torch.save: <name>/data.pkl describes the tensors, <name>/data/<key> contains the numbers of each storage.

Members are stored without compression, so they are views of the mapped file; nothing is extracted. <name>/byteorder contains
"little" or "big" (default: little). The CRC-32 of every member that is used is verified. Python's zipfile reads the directory at
the end of the file; each entry is compared with the member's local header, which determines where its data begin.
Source: torch/serialization.py (2.13), PKWARE's APPNOTE.TXT (4.3.7: the local header).
"""

import io
import struct
import zipfile
import zlib
from typing import Any, NamedTuple

import numpy as np

from albert_np.io.files import Mapped
from albert_np.io.formats import unpickle
from albert_np.io.formats.torch_values import Find, Storage, printable, read_storage, size_in_bytes

LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a member: the signature, ..., the lengths of its name and of the extra field


class Member(NamedTuple):
    """The position of a member's data in the file."""

    at: int
    size: int
    crc: int


def open_zip(data: Mapped) -> tuple[Any, Find]:
    """The value of data.pkl, and a function that finds a storage's numbers. ValueError: damaged, or not torch's."""
    members, folder = _members(data)
    pickled = _checked(data, members[f"{folder}/data.pkl"], "data.pkl")
    value, end, _ = unpickle.load(pickled)
    if end != len(pickled):
        raise ValueError(f"data.pkl has {len(pickled) - end} bytes after its end")
    order = _byte_order(data, members.get(f"{folder}/byteorder"))

    def find(storage: Storage) -> np.ndarray:
        name = f"data/{printable(storage.key)}"
        member = members.get(f"{folder}/data/{storage.key}")
        if member is None:
            raise ValueError(f"the archive lacks {name}")
        if member.size != size_in_bytes(storage):
            raise ValueError(
                f"storage {printable(storage.key)}: {size_in_bytes(storage)} bytes expected, {name} has {member.size}"
            )
        _checked(data, member, name)
        return read_storage(data, member.at, storage, order)

    return value, find


def _byte_order(data: Mapped, member: Member | None) -> str:
    """ "<" or ">"."""
    if member is None:
        return "<"
    word = _checked(data, member, "byteorder")
    if word not in (b"little", b"big"):
        raise ValueError("the record byteorder is neither little nor big")
    return "<" if word == b"little" else ">"


def _members(data: Mapped) -> tuple[dict[str, Member], str]:
    """Return the members of an archive by name, and their common folder."""
    try:
        entries = zipfile.ZipFile(io.BytesIO(data) if isinstance(data, bytes) else data).infolist()  # type: ignore[arg-type]
    except (zipfile.BadZipFile, NotImplementedError, OSError, OverflowError, EOFError, struct.error, ValueError) as error:
        raise ValueError(f"truncated or damaged zip archive, its directory cannot be read: {error}") from None
    names = [entry.orig_filename for entry in entries]
    if len(set(names)) < len(names):
        raise ValueError("the archive has two members of the same name")
    pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if not pickles:
        raise ValueError("the archive has no data.pkl, so it is not from torch.save")
    folder = pickles[0].removesuffix("/data.pkl")
    for name in names:
        if not name.startswith(f"{folder}/") or ".." in name.split("/") or "\\" in name:
            raise ValueError(f"odd member name {printable(name)} in the archive: torch puts all under {printable(folder)}/")
    if f"{folder}/constants.pkl" in names:
        raise ValueError("a TorchScript archive, which is a program: save the model's state_dict() instead")
    if sum(entry.compress_size for entry in entries) > len(data):
        # Overlapping members would let a small file cause endless checksums.
        raise ValueError("damaged zip archive: its members are larger than the file")
    return {entry.orig_filename: _member(data, entry) for entry in entries}, folder


def _member(data: Mapped, entry: zipfile.ZipInfo) -> Member:
    """Compare a member's entry in the directory with its local header, and return the position of its data."""
    name = printable(entry.orig_filename)
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ValueError(f"{name} is compressed, which torch.save never does and which is not accepted")
    if entry.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    at = entry.header_offset + LOCAL_HEADER.size
    signature, name_length, extra_length = b"", 0, 0
    if entry.header_offset >= 0 and at <= len(data):
        signature, name_length, extra_length = LOCAL_HEADER.unpack_from(data, entry.header_offset)
    expected_name = entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")
    if signature != b"PK\3\4" or data[at : at + name_length] != expected_name:
        raise ValueError(f"damaged zip archive: the header of {name} is not where the directory says")
    at += name_length + extra_length
    if at + entry.file_size > len(data):
        raise ValueError(f"truncated or damaged zip archive: {name} ends past the end of the file")
    return Member(at, entry.file_size, entry.CRC)


def _checked(data: Mapped, member: Member, name: str) -> memoryview:
    """Return the bytes of a member; ValueError if its checksum is wrong."""
    content = memoryview(data)[member.at : member.at + member.size]
    if zlib.crc32(content) != member.crc:
        raise ValueError(f"CRC error in {name}: the file is damaged")
    return content
