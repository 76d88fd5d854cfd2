"""The format of torch.save before torch 1.6: five pickles, then the numbers, without checksums.

The pickles are a magic number, a version, information on the machine, the tensors, and a list of the storages' keys. Then, in the
order of that list, each storage has its length (8 bytes) and its numbers. Source: _legacy_save and _legacy_load in
torch/serialization.py (2.13).
"""

from typing import Any

from albert_np.io.files import Mapped
from albert_np.io.formats import unpickle
from albert_np.io.formats.torch_values import Find, Storage, describe_type, printable, read_storage, size_in_bytes, to_dict

MAGIC_NUMBER, VERSION = 0x1950A86A20F9469CFC6C, 1001


def open_legacy(data: Mapped) -> tuple[Any, Find]:
    """Return the value of the fourth pickle, and a function that reads a storage. ValueError if damaged, or not torch's."""
    if data[257:262] == b"ustar":
        raise ValueError("a tar archive, as torch wrote before 0.1.10: load and save it once with a newer torch")
    if data[:1] != b"\x80":
        raise ValueError("neither a zip archive nor a pickle, so it is not from torch.save")
    magic, at, _ = unpickle.load(data)
    if magic != MAGIC_NUMBER:
        raise ValueError("not a torch file: a pickle without torch's magic number")
    version, at, _ = unpickle.load(data, at)
    if version != VERSION:
        actual = version if type(version) is int else describe_type(version)
        raise ValueError(f"version {VERSION} of torch's older format expected, found {actual}")
    machine, at, _ = unpickle.load(data, at)
    if to_dict(machine, "information on the machine").get("little_endian") is not True:
        # torch writes these numbers little-endian on every machine and ignores the flag; other writers may not.
        raise ValueError("written on a big-endian machine: its byte order is uncertain in this format, so it is not supported")
    value, at, storages = unpickle.load(data, at)
    keys, at, _ = unpickle.load(data, at)
    offsets = _find_offsets(data, at, keys, storages)
    return value, lambda storage: read_storage(data, offsets[storage.key], storage, "<")


def _find_offsets(data: Mapped, at: int, keys: Any, storages: dict[str, Storage]) -> dict[str, int]:
    """Return where each storage's numbers begin, by key. Every byte up to the end of the file must belong to one."""
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise ValueError("damaged: expected a list of the storages' keys")
    if len(set(keys)) < len(keys) or set(keys) != set(storages):
        raise ValueError("damaged: the list of storages disagrees with the state dict")
    offsets = {}
    for key in keys:
        storage, size = storages[key], size_in_bytes(storages[key])
        if at + 8 > len(data):
            raise ValueError(f"storage {printable(key)} begins past the end of the file")
        numel = int.from_bytes(data[at : at + 8], "little", signed=True)
        if numel != storage.numel:
            raise ValueError(
                f"storage {printable(key)}: its size {numel} disagrees with the state dict, which says {storage.numel}"
            )
        offsets[key], at = at + 8, at + 8 + size
        if at > len(data):
            raise ValueError(f"storage {printable(key)} ends past the end of the file, by {at - len(data)} bytes")
    if at < len(data):
        raise ValueError(f"there are {len(data) - at} bytes after the last storage")
    return offsets
