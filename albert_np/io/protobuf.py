"""Read the wire format of protocol buffers, with bounds checks, and write it: enough for SentencePiece and TensorFlow's indices.

A message is a sequence of fields. A field begins with a varint, 8 * number + type, and continues by its type: 0 a varint,
1 eight bytes, 2 a varint with the number of bytes that follow, 5 four bytes (protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Iterator

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5


def fields(data: bytes | memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield (number, type, value) of each field; the value is an int for a varint and a view of the bytes otherwise.

    Raises ValueError for a field past the end, and for a number or type that does not exist.
    """
    data = memoryview(data)
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise ValueError(f"field number {number} at byte {at} does not exist")
        if kind == VARINT:
            value, at = varint(data, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, at = varint(data, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError(f"field {number} at byte {at} has the unknown wire type {kind}")
        if size > end - at:
            raise ValueError(f"field {number} at byte {at} is {size} bytes long, but {end - at} are left")
        yield number, kind, data[at : at + size]
        at += size


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins at byte `at` (seven bits per byte, the lowest first), and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("the data end inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                break
            return value, at
    raise ValueError(f"the number that ends at byte {at} is longer than 64 bits")


def field(number: int, kind: int, value: int | bytes) -> bytes:
    """Return one field: an int is written as a varint, bytes as they are, with their number before them if `kind` is BYTES."""
    head = to_varint(number << 3 | kind)
    if isinstance(value, int):
        return head + to_varint(value)
    return head + (to_varint(len(value)) if kind == BYTES else b"") + value


def to_varint(value: int) -> bytes:
    """Return a number of 0 or more, seven bits per byte, the lowest first."""
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
