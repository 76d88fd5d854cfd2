"""Read and write the messages in the index of a TensorFlow checkpoint.

BundleHeaderProto: 1 number of shards, 2 endianness (0 little, 1 big), 3 version (2 the oldest reader).
BundleEntryProto: 1 dtype, 2 shape, 3 shard, 4 offset and 5 size in that shard's file, 6 masked CRC-32C of those bytes, 7 slices.
TensorShapeProto: 2 dimensions (1 size), 3 unknown rank. TensorSliceProto: 1 an extent for each axis (1 start, 2 length; no length
means the whole axis). Fields that are zero are omitted. Source: TensorFlow's tensor_bundle.proto, tensor_shape.proto,
tensor_slice.proto, types.proto; for the slices' keys saved_tensor_slice_util.h and ordered_code.h.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.io.formats.table import encode_varint
from albert_np.io.protobuf import BYTES, FOUR_BYTES, VARINT, fields

VERSION = 1  # of the format: the only one so far
HEADER = {1: VARINT, 2: VARINT, 3: BYTES}
ENTRY = {1: VARINT, 2: BYTES, 3: VARINT, 4: VARINT, 5: VARINT, 6: FOUR_BYTES, 7: BYTES}
SHAPE = {2: BYTES, 3: VARINT}
BFLOAT16 = 14
DTYPES = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 8: "<c8", 9: "<i8", 10: "?", BFLOAT16: "<u2",
    17: "<u2", 18: "<c16", 19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
CODES = {np.dtype(form): code for code, form in DTYPES.items() if code != BFLOAT16}
NOT_ARRAYS = {7: "DT_STRING", 20: "DT_RESOURCE", 21: "DT_VARIANT"}
MAX_RANK = 64  # NumPy's limit

Message = dict[int, list[Any]]  # {field: values}; an int for a varint, bytes otherwise
Extents = tuple[tuple[int, int], ...]  # start and length along each axis; the length -1 means the whole axis
WHOLE = -1


@dataclass(frozen=True)
class Entry:
    """The index entry of a tensor or of a slice of one: where its numbers are, or which slices it consists of."""

    label: str  # its name in messages
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[Extents, ...]

    @property
    def is_array(self) -> bool:
        return self.dtype not in NOT_ARRAYS


def parse_header(value: memoryview) -> int:
    """Return the number of shards. ValueError if it is not a header, big-endian, of a later version, or without shards."""
    try:
        message = _message(value, HEADER)
        version = _message(_joined(message, 3), {2: VARINT})
    except ValueError as error:
        raise ValueError(f"the bundle header cannot be parsed: {error}") from None
    if _integer(message, 2) != 0:
        raise ValueError("big-endian checkpoints are not supported")
    if _integer(version, 2) > VERSION:
        raise ValueError(f"it requires a reader of version {_integer(version, 2)}; this one reads version {VERSION}")
    if _integer(message, 1) <= 0:
        raise ValueError(f"the number of shards must be positive, not {_integer(message, 1)}")
    return _integer(message, 1)


def parse_entry(label: str, value: memoryview) -> Entry:
    """Parse an entry and check that dtype, shape and size agree. ValueError if not."""
    try:
        message = _message(value, ENTRY)
        shape = _shape(_joined(message, 2))
        slices = tuple(_extents(_message(part, {1: BYTES})) for part in message.get(7, []))
    except ValueError as error:
        raise ValueError(f"the entry of {label} cannot be parsed: {error}") from None
    dtype, shard, offset, size = (_integer(message, field) for field in (1, 3, 4, 5))
    entry = Entry(label, dtype, shape, shard, offset, size, int.from_bytes(_joined(message, 6)[-4:], "little"), slices)
    _check(entry)
    return entry


def _check(entry: Entry) -> None:
    label, shape = entry.label, entry.shape
    if any(size < 0 for size in shape):
        raise ValueError(f"dimensions must not be negative: {label} has the shape {shape}")
    if entry.dtype not in DTYPES and entry.is_array:
        raise ValueError(f"unknown dtype {entry.dtype} of {label}")
    if not entry.is_array:
        return
    if len(shape) > MAX_RANK:
        raise ValueError(f"{label} has {len(shape)} dimensions; at most {MAX_RANK} are supported")
    dtype = np.dtype(DTYPES[entry.dtype])
    if math.prod(size or 1 for size in shape) * dtype.itemsize >= 1 << 63 and 0 in shape:
        raise ValueError(f"{label} is empty, but the rest of its shape {shape} is too large")
    needed = math.prod(shape) * dtype.itemsize
    if not entry.slices and entry.size != needed:
        kind = "bfloat16" if entry.dtype == BFLOAT16 else dtype.name
        raise ValueError(f"size and shape of {label} disagree: {shape} in {kind} needs {needed} bytes, its size is {entry.size}")


def box(entry: Entry, extents: Extents) -> tuple[slice, ...]:
    """Return the position of a slice in the tensor of this entry. ValueError if it is not inside."""
    if len(extents) != len(entry.shape):
        raise ValueError(f"a slice of {entry.label} has {len(extents)} axes, the tensor {len(entry.shape)}")
    slices = []
    for (start, length), size in zip(extents, entry.shape):
        stop = size if length == WHOLE and start == 0 else start + length
        if not 0 <= start <= stop <= size:
            raise ValueError(f"a slice of {entry.label} begins at {start} and has length {length} on an axis of {size}")
        slices.append(slice(start, stop))
    return tuple(slices)


def slice_key(name: str, extents: Extents) -> bytes:
    """Return the key of a slice in the index: a zero byte, the name, the rank, start and length of each axis, order-preserving.

    In the name a zero byte is followed by 255, and the bytes 0 1 end it. (255 would be escaped as well, but UTF-8 has none.)
    """
    rank = bytes([1, len(extents)]) if extents else b"\0"  # the number of bytes, then the bytes
    numbers = b"".join(_sortable(value) for extent in extents for value in extent)
    return b"\0" + name.encode().replace(b"\0", b"\0\xff") + b"\0\1" + rank + numbers


def _sortable(value: int) -> bytes:
    """Encode a signed number so that the bytes sort like the numbers.

    n bytes of two's complement, the highest first, with the upper n bits inverted: n ones for numbers >= 0 (they encode the
    length), n zeros for others, followed by the sign bit. n is the smallest that has room for it.
    """
    n = (value if value >= 0 else ~value).bit_length() // 7 + 1
    return (value % (1 << 8 * n) ^ ((1 << n) - 1) << 7 * n).to_bytes(n, "big")


def header() -> bytes:
    """Return the header of a checkpoint of one shard."""
    return _field(1, 1) + _field(3, _field(1, VERSION))


def entry(dtype: np.dtype, shape: tuple[int, ...], offset: int, size: int, crc: int) -> bytes:
    """Return the entry of a whole tensor in the first shard."""
    dimensions = b"".join(_field(2, _field(1, size)) for size in shape)
    checksum = encode_varint(6 << 3 | FOUR_BYTES) + crc.to_bytes(4, "little") if crc else b""
    return _field(1, CODES[dtype]) + _field(2, dimensions) + _field(4, offset) + _field(5, size) + checksum


def _field(field: int, value: int | bytes) -> bytes:
    """Encode a field: a number, omitted if it is zero, or a message."""
    if isinstance(value, bytes):
        return encode_varint(field << 3 | BYTES) + encode_varint(len(value)) + value
    return encode_varint(field << 3 | VARINT) + encode_varint(value) if value else b""


def _message(data: bytes | memoryview, kinds: dict[int, int]) -> Message:
    """Return the values of each field in `kinds`, which gives their wire types; other fields are skipped, as in protobuf."""
    message: Message = {}
    for field, kind, value in fields(data):
        if field in kinds:
            if kind != kinds[field]:
                raise ValueError(f"field {field} has the wire type {kind}, not {kinds[field]}")
            message.setdefault(field, []).append(value)
    return message


def _integer(message: Message, field: int) -> int:
    """Return a signed number: the last value of the field, 0 if it is absent."""
    value = message.get(field, [0])[-1]
    return value - (1 << 64) if value >> 63 else value


def _joined(message: Message, field: int) -> bytes:
    """Return the bytes of a field; a message in several pieces is their concatenation."""
    return b"".join(message.get(field, []))


def _shape(data: bytes) -> tuple[int, ...]:
    message = _message(data, SHAPE)
    if _integer(message, 3):
        raise ValueError("its shape has an unknown rank")
    return tuple(_integer(_message(part, {1: VARINT}), 1) for part in message.get(2, []))


def _extents(message: Message) -> Extents:
    parts = [_message(part, {1: VARINT, 2: VARINT}) for part in message.get(1, [])]
    return tuple((_integer(part, 1), _integer(part, 2) if 2 in part else WHOLE) for part in parts)
