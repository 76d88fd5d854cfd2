"""Read and write LevelDB's sorted table of byte strings, the format of a TensorFlow checkpoint's index.

    block | block | ... | meta block (empty) | index block | footer

A block contains entries, then restart points and their number (four bytes each), then one byte of compression and a masked
CRC-32C of everything before it. An entry omits the prefix that its key shares with the previous key: varints of shared, unshared
and value length, the rest of the key, the value; at a restart point nothing is shared. In the index block a value is the handle
of a block (varints of offset and size), and its key is between that block's last key and the next block's first. The footer
contains the handles of the meta block and the index block, zeros up to 40 bytes and a magic number.
Source: table_format.md in LevelDB's documentation.
"""

import struct
from collections.abc import Iterable, Iterator

from albert_np.io.formats.crc32c import masked_crc32c
from albert_np.io.protobuf import varint

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
TRAILER_BYTES = 5
PLAIN, SNAPPY = 0, 1
BLOCK_BYTES = 256 << 10  # TensorFlow starts a new block at this size
RESTART_INTERVAL = 16  # entries per restart point, as LevelDB and TensorFlow write them ...
MAX_KEY_GROWTH = 16  # ... which bounds the ratio of the keys' full length to the size of the file


def read(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the keys and values of a table in order. A value is a view of `data`.

    Raises ValueError for damaged data, wrong checksums, keys that do not increase, and compressed blocks.
    """
    if len(data) < FOOTER_BYTES:
        raise ValueError(f"the index has {len(data)} bytes: it is shorter than a footer ({FOOTER_BYTES})")
    footer, body = data[-FOOTER_BYTES:], data[:-FOOTER_BYTES]
    if int.from_bytes(footer[-8:], "little") != MAGIC:
        raise ValueError(f"wrong table magic number {bytes(footer[-8:]).hex()}, not {MAGIC.to_bytes(8, 'little').hex()}")
    _, _, at = _handle(footer, 0)  # of the meta block
    offset, size, _ = _handle(footer, at)
    last: bytes | None = None
    end = key_bytes = 0
    for limit, handle in _entries(_block(body, offset, size)):
        offset, size, _ = _handle(handle, 0)
        if offset < end:
            raise ValueError(f"the block at byte {offset} overlaps with the one that ends at byte {end}")
        end = offset + size
        for key, value in _entries(_block(body, offset, size)):
            if last is not None and key <= last:
                raise ValueError(f"keys must be strictly increasing: {key!r} comes after {last!r}")
            key_bytes += len(key)
            if key_bytes > MAX_KEY_GROWTH * len(data):
                raise ValueError(f"damaged block: its keys have more than {MAX_KEY_GROWTH} times the bytes of the file")
            yield key, value
            last = key
        if last is not None and limit < last:
            raise ValueError(f"keys must be strictly increasing: a block that ends with {last!r} is indexed as {limit!r}")
        last = limit


def _block(body: memoryview, offset: int, size: int) -> memoryview:
    """Return the entries and restart points of the block with this handle."""
    if offset + size + TRAILER_BYTES > len(body):
        raise ValueError(f"the block of {size} bytes at byte {offset} reaches past the end of the index")
    block, compression = body[offset : offset + size], body[offset + size]
    if masked_crc32c(body[offset : offset + size + 1]) != int.from_bytes(body[offset + size + 1 : offset + size + 5], "little"):
        raise ValueError(f"the crc of an index block is wrong (the block of {size} bytes at byte {offset})")
    if compression == SNAPPY:
        raise ValueError("compressed index blocks are not supported (the block says snappy)")
    if compression != PLAIN:
        raise ValueError(f"unknown compression {compression} of the block at byte {offset}")
    return block


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the keys and values of one block."""
    count = int.from_bytes(block[-4:], "little") if len(block) >= 4 else 0
    end = len(block) - 4 - 4 * count
    if count == 0 or end < 0:
        raise ValueError(f"damaged block: {'too many' if count else 'no'} restart points ({count} in {len(block)} bytes)")
    entries, restarts = block[:end], block[end:-4]
    at, key = 0, b""
    while at < end:
        is_restart = int.from_bytes(restarts[:4], "little") == at and len(restarts) > 0
        restarts = restarts[4 * is_restart :]
        shared, at = _number(entries, at)
        unshared, at = _number(entries, at)
        value_size, at = _number(entries, at)
        if shared > (0 if is_restart else len(key)):
            raise ValueError(f"damaged block: shared prefix too long ({shared} bytes, the key before has {len(key)})")
        if unshared > end - at:
            raise ValueError(f"damaged block: key reaches past the block ({unshared} bytes, {end - at} are left)")
        key = key[:shared] + bytes(entries[at : at + unshared])
        at += unshared
        if value_size > end - at:
            raise ValueError(f"damaged block: value reaches past the block ({value_size} bytes, {end - at} are left)")
        yield key, entries[at : at + value_size]
        at += value_size
    if end and len(restarts):
        raise ValueError(f"damaged block: no entry begins at the restart point {int.from_bytes(restarts[:4], 'little')}")


def _handle(data: memoryview, at: int) -> tuple[int, int, int]:
    """Return the offset and size of a block, and the position after the handle."""
    offset, at = _number(data, at)
    size, at = _number(data, at)
    return offset, size, at


def _number(data: memoryview, at: int) -> tuple[int, int]:
    try:
        return varint(data, at)
    except ValueError as error:
        raise ValueError(f"damaged varint: {error}") from None


def write(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a table of these entries, with increasing keys: byte for byte as TensorFlow's builder writes it."""
    out = bytearray()
    block, index = _Block(RESTART_INTERVAL), _Block(1)
    for key, value in entries:
        if block.bytes and len(block) >= BLOCK_BYTES:
            index.add(_separator(block.key, key), _store(out, block))
            block = _Block(RESTART_INTERVAL)
        block.add(key, value)
    if block.bytes:
        index.add(_successor(block.key), _store(out, block))
    meta = _store(out, _Block(RESTART_INTERVAL))
    handles = meta + _store(out, index)
    return bytes(out) + handles.ljust(FOOTER_BYTES - 8, b"\0") + MAGIC.to_bytes(8, "little")


class _Block:
    """Builder of a block."""

    def __init__(self, interval: int):
        self.interval, self.count = interval, 0
        self.bytes, self.restarts, self.key = bytearray(), [0], b""

    def __len__(self) -> int:
        return len(self.bytes) + 4 * len(self.restarts) + 4

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self.count % self.interval:
            shared = _shared(self.key, key)
        elif self.count:
            self.restarts.append(len(self.bytes))
        self.bytes += encode_varint(shared) + encode_varint(len(key) - shared) + encode_varint(len(value)) + key[shared:] + value
        self.key, self.count = key, self.count + 1

    def finish(self) -> bytes:
        return bytes(self.bytes) + struct.pack(f"<{len(self.restarts) + 1}I", *self.restarts, len(self.restarts))


def _store(out: bytearray, block: _Block) -> bytes:
    """Append a block and its trailer to `out`; return its handle."""
    contents = block.finish()
    handle = encode_varint(len(out)) + encode_varint(len(contents))
    contents += bytes([PLAIN])
    out += contents + masked_crc32c(contents).to_bytes(4, "little")
    return handle


def _separator(last: bytes, following: bytes) -> bytes:
    """Return a short key that is at least `last` and below `following`, by LevelDB's rule."""
    at = _shared(last, following)
    if at < len(last) and last[at] < 255 and last[at] + 1 < following[at]:
        return last[:at] + bytes([last[at] + 1])
    return last


def _successor(last: bytes) -> bytes:
    """Return a short key that is at least `last`, by LevelDB's rule: increment the first byte below 255, drop the rest."""
    at = next((at for at, byte in enumerate(last) if byte < 255), len(last))
    return last[:at] + bytes([last[at] + 1]) if at < len(last) else last


def _shared(one: bytes, other: bytes) -> int:
    """Return the length of the common prefix."""
    at, end = 0, min(len(one), len(other))
    while at < end and one[at] == other[at]:
        at += 1
    return at


def encode_varint(value: int) -> bytes:
    """Encode a varint: seven bits per byte, the lowest first, the eighth bit set in all but the last."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
