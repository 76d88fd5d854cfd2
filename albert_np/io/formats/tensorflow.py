"""Read and write TensorFlow's V2 checkpoints ("tensor bundles"): PREFIX.index and PREFIX.data-00000-of-0000N.

The index is a sorted table (table.py): the header under the empty key, and an entry for each tensor under its name (bundle.py).
The data files (shards) contain the raw numbers. A partitioned variable has an entry with its whole shape and a list of slices,
and an entry for each slice, under a key that begins with a zero byte.
"""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np

from albert_np.io import file_types
from albert_np.io.files import map_file, write_whole
from albert_np.io.formats import bundle, table
from albert_np.io.formats.bfloat16 import from_bfloat16
from albert_np.io.formats.bundle import Entry
from albert_np.io.formats.crc32c import masked_crc32c
from albert_np.io.protobuf import varint


def read(prefix: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a checkpoint, in the index's order. prefix: the path without ".index".

    Arrays are read-only views of the memory-mapped files (not always aligned), except partitioned variables, which are assembled,
    and bfloat16, which becomes float32. Tensors of strings are left out. The checksum of every array is verified.
    Raises FileNotFoundError if the index or a shard is missing; ValueError, which names the index, if anything is damaged.
    """
    index = _index_path(prefix)
    data = _mapped(index)
    head = bytes(data[:512])
    file_types.check_type(index, head)
    if is_v1(head):
        raise ValueError(f"{index}: V1 checkpoints are not supported; save again with V2")
    try:
        return _tensors(prefix, data.data)
    except ValueError as error:
        raise ValueError(f"{index}: {error}") from None


def is_v1(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is a V1 checkpoint, which is a single file.

    It is a sorted table, too, but its first value begins with a message (SavedTensorSlices) instead of the number of shards.
    """
    if head[:2] != b"\0\0":
        return False
    try:
        size, at = varint(memoryview(head), 2)
    except ValueError:
        return False
    return size > 0 and head[at : at + 1] == b"\x0a"


def _tensors(prefix: Path, data: memoryview) -> dict[str, np.ndarray]:
    values = dict(table.read(data))
    if b"" not in values:
        raise ValueError("the bundle header is missing")
    count = bundle.parse_header(values.pop(b""))
    if count > max(1, len(values)):
        raise ValueError(f"more shards ({count}) than tensors ({len(values)})")
    names = [_name(key) for key in values if not key.startswith(b"\0")]
    entries = {name: bundle.parse_entry(name, values.pop(name.encode())) for name in names}
    parts = {name: _parts(name, entry, values) for name, entry in entries.items()}
    if values:
        raise ValueError(f"a slice belongs to no tensor: {next(iter(values))!r}")
    shards = [_shard(prefix, i, count) for i in range(count)]
    _check_positions(prefix, shards, [part for row in parts.values() for part in row])
    tensors = {}
    for name, entry in entries.items():
        if entry.is_array:
            arrays = [_array(prefix, shards, part) for part in parts[name]]
            tensors[name] = _assemble(entry, arrays) if entry.slices else arrays[0]
    return tensors


def _name(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise ValueError(f"a tensor name is not UTF-8: {key!r}") from None


def _parts(name: str, entry: Entry, values: dict[bytes, memoryview]) -> list[Entry]:
    """Return the entries with this tensor's numbers: its own, or those of its slices, which are removed from `values`."""
    if not entry.slices:
        return [entry]
    parts = []
    for extents in entry.slices:
        place = bundle.box(entry, extents)
        label = f"{name}[{', '.join(f'{axis.start}:{axis.stop}' for axis in place)}]"
        value = values.pop(bundle.slice_key(name, extents), None)
        if value is None:
            raise ValueError(f"the slice {label} is missing, or listed twice")
        part = bundle.parse_entry(label, value)
        shape = tuple(axis.stop - axis.start for axis in place)
        if part.dtype != entry.dtype or part.shape != shape or part.slices:
            raise ValueError(
                f"the slice {label} has the shape {part.shape} and the dtype {part.dtype}, which do not match its position"
            )
        parts.append(part)
    return parts


def _shard(prefix: Path, i: int, count: int) -> np.ndarray:
    path = _shard_path(prefix, i, count)
    try:
        return _mapped(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: the index asks for {count} data file{'s' * (count > 1)}") from None


def _index_path(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _shard_path(prefix: Path, i: int, count: int) -> Path:
    return prefix.with_name(f"{prefix.name}.data-{i:05d}-of-{count:05d}")


def _mapped(path: Path) -> np.ndarray:
    """Return a file's bytes, memory-mapped, read-only."""
    if path.stat().st_size == 0:
        return np.frombuffer(b"\0", np.uint8)[:0]  # an empty file cannot be mapped
    return np.frombuffer(map_file(path), np.uint8)


def _check_positions(prefix: Path, shards: list[np.ndarray], parts: list[Entry]) -> None:
    """Raise ValueError unless every part is inside the file of its shard, and no two overlap."""
    for part in parts:
        if not 0 <= part.shard < len(shards):
            raise ValueError(f"shard {part.shard} of {part.label} does not exist: the header says {len(shards)}")
        if part.offset < 0 or part.size < 0:
            raise ValueError(f"offset and size must not be negative: {part.label} has {part.offset} and {part.size}")
    outside = [part for part in parts if part.offset + part.size > len(shards[part.shard])]
    if outside:
        shard = outside[0].shard
        path = _shard_path(prefix, shard, len(shards))
        file_types.check_type(path, bytes(shards[shard][:512]))
        labels = [part.label for part in outside if part.shard == shard]
        names = " and ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
        verb = "reach" if len(labels) > 1 else "reaches"
        raise ValueError(f"{names} {verb} past the end of the data: {path.name} has {len(shards[shard])} bytes")
    in_order = sorted((part for part in parts if part.size), key=lambda part: (part.shard, part.offset))
    for part, after in pairwise(in_order):
        if part.shard == after.shard and after.offset < part.offset + part.size:
            raise ValueError(f"tensors overlap: {part.label} and {after.label} in shard {part.shard}")


def _array(prefix: Path, shards: list[np.ndarray], part: Entry) -> np.ndarray:
    """Return the numbers of a part, after verifying their checksum."""
    shard = shards[part.shard]
    data = shard[part.offset : part.offset + part.size]
    if masked_crc32c(data) != part.crc:
        path = _shard_path(prefix, part.shard, len(shards))
        file_types.check_type(path, bytes(shard[:512]))
        raise ValueError(f"the crc of tensor {part.label} is wrong: {path.name} is damaged, or belongs to another checkpoint")
    array = data.view(bundle.DTYPES[part.dtype])
    if array.dtype == np.bool_ and data.max(initial=0) > 1:
        raise ValueError(f"{part.label} has truth values other than 0 and 1")
    if part.dtype == bundle.BFLOAT16:
        array = from_bfloat16(array)
    return array.reshape(part.shape)


def _assemble(entry: Entry, arrays: list[np.ndarray]) -> np.ndarray:
    """Assemble a partitioned tensor from its slices, which must cover it exactly once."""
    covered, needed = sum(array.size for array in arrays), math.prod(entry.shape)
    if covered != needed:
        raise ValueError(f"the slices of {entry.label} have {covered} numbers, its shape {entry.shape} {needed}")
    whole = np.empty(entry.shape, arrays[0].dtype)
    filled = np.zeros(entry.shape, np.bool_)
    for extents, array in zip(entry.slices, arrays):
        place = bundle.box(entry, extents)
        if filled[place].any():
            raise ValueError(f"the slices of {entry.label} overlap")
        filled[place] = True
        whole[place] = array
    return whole


def write(prefix: Path, tensors: dict[str, np.ndarray]) -> None:
    """Write a checkpoint of one shard, byte for byte like TensorFlow's BundleWriter. The index is written last.

    prefix: the path without ".index"; its folder must exist. Raises ValueError for names that are empty or begin with a zero byte
    (reserved by the format), and for dtypes that TensorFlow does not have.
    """
    rows = sorted((_key(name), name) for name in tensors)
    for name, tensor in tensors.items():
        if _plain_dtype(tensor) not in bundle.CODES:
            raise ValueError(f"{name} has the dtype {tensor.dtype}, which TensorFlow's checkpoints do not have")
    entries = [(b"", bundle.header())]

    def fill(path: Path) -> None:
        with open(path, "wb") as file:
            for key, name in rows:
                tensor = tensors[name]
                data = tensor.astype(_plain_dtype(tensor), order="C", copy=False).reshape(-1).view(np.uint8)
                where = (file.tell(), len(data), masked_crc32c(data))
                entries.append((key, bundle.entry(_plain_dtype(tensor), tensor.shape, *where)))
                file.write(data.data)

    write_whole(_shard_path(prefix, 0, 1), fill)
    write_whole(_index_path(prefix), lambda path: path.write_bytes(table.write(entries)))


def _key(name: str) -> bytes:
    """Encode a tensor's name for the index."""
    if not name or name.startswith("\0"):
        raise ValueError(f"{name!r} cannot be the name of a tensor: it must not be empty or begin with a zero byte")
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name!r} cannot be the name of a tensor: {error.reason}") from None


def _plain_dtype(tensor: np.ndarray) -> np.dtype:
    """Return the dtype in the files' byte order."""
    return tensor.dtype.newbyteorder("<")
