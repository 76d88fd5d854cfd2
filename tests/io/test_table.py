"""The index of a checkpoint as a table of strings: written, read, and damaged in ways that its checksums do not show."""

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert_np.io.formats import table
from albert_np.io.formats.crc32c import masked_crc32c
from albert_np.io.formats.table import encode_varint

ONE = encode_varint(0) + encode_varint(1) + encode_varint(1) + b"a" + b"1"  # the entry a: 1


def entries(data):
    return [(key, bytes(value)) for key, value in table.read(memoryview(data))]


def block(rows, restarts=(0,)):
    return rows + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def stored(contents, compression=0):
    contents += bytes([compression])
    return contents + masked_crc32c(contents).to_bytes(4, "little")


def made(*blocks, limits=b"abcdefgh", compression=0, handles=None):
    """A table of these blocks, their checksums right."""
    out, rows = b"", b""
    for i, contents in enumerate(blocks):
        handle = handles[i] if handles else encode_varint(len(out)) + encode_varint(len(contents))
        rows += encode_varint(0) + encode_varint(1) + encode_varint(len(handle)) + limits[i : i + 1] + handle
        out += stored(contents, compression)
    footer = encode_varint(0) + encode_varint(0) + encode_varint(len(out)) + encode_varint(len(block(rows)))
    return out + stored(block(rows)) + footer.ljust(40, b"\0") + table.MAGIC.to_bytes(8, "little")


def test_a_table_made_by_hand():
    assert entries(made(block(ONE))) == [(b"a", b"1")]
    assert entries(made(block(ONE), block(ONE.replace(b"a", b"b")))) == [(b"a", b"1"), (b"b", b"1")]


@given(st.dictionaries(st.binary(max_size=12), st.binary(max_size=40), max_size=60), st.sampled_from([1, 100, 1 << 18]))
def test_what_is_written_is_read(rows, block_bytes):
    rows = sorted(rows.items())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "BLOCK_BYTES", block_bytes)
        data = table.write(rows)
    assert entries(data) == rows


def test_keys_of_the_index_are_short(monkeypatch):
    monkeypatch.setattr(table, "BLOCK_BYTES", 1)
    data = table.write([(b"abcdef", b""), (b"abxyz", b""), (b"aby", b""), (b"abyz", b""), (b"\xff\xffqq", b"")])
    offset, size, _ = table._handle(data[-48:], table._handle(data[-48:], 0)[2])
    assert [key for key, _ in table._entries(memoryview(data)[offset : offset + size])] == [
        b"abd",  # from abcdef to abxyz
        b"abxyz",  # no byte between x and y
        b"aby",  # the beginning of what follows
        b"b",
        b"\xff\xffr",  # the end: no shorter key is behind 255
    ]


SHARED = encode_varint(1) + encode_varint(1) + encode_varint(0) + b"b"  # the key before, one byte of it, and "b"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes: it is shorter than a footer"),
        (bytes(48), "wrong table magic number"),
        (made(block(ONE), compression=1), "compressed index blocks are not supported"),
        (made(block(ONE), compression=9), "unknown compression 9"),
        (made(block(ONE), handles=[encode_varint(0) + encode_varint(1 << 62)]), "reaches past the end of the index"),
        (made(block(ONE), handles=[b"\x80" * 30]), "damaged varint"),
        (made(block(ONE), handles=[b""]), "damaged varint"),
        (made(block(ONE), handles=[encode_varint(0) + encode_varint(3)]), "crc of an index block is wrong"),
        (made(b"ab"), r"no restart points \(0 in 2 bytes\)"),
        (made(block(ONE, ())), "no restart points"),
        (made(block(ONE)[:-4] + b"\xff" * 4), r"too many restart points \(4294967295"),
        (made(block(ONE, (0, 3))), "no entry begins at the restart point 3"),
        (made(block(ONE, (7,))), "no entry begins at the restart point 7"),
        (made(block(ONE + SHARED, (0, 5)), limits=b"b"), "shared prefix too long"),
        (made(block(SHARED)), r"shared prefix too long \(1 bytes, the key before has 0\)"),
        (made(block(encode_varint(0) + encode_varint(99) + encode_varint(0))), "key reaches past the block"),
        (made(block(encode_varint(0) + encode_varint(0) + encode_varint(1 << 40))), "value reaches past the block"),
        (made(block(b"\x80" * 12)), "damaged varint"),
        (made(block(ONE + ONE)), "strictly increasing: b'a' comes after b'a'"),
        (made(block(ONE), block(ONE)), "strictly increasing: b'a' comes after b'a'"),
        (made(block(ONE), limits=b"A"), "ends with b'a' is indexed as b'A'"),
        (made(block(ONE), block(ONE), handles=[encode_varint(0) + encode_varint(len(block(ONE)))] * 2), "overlaps"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(ValueError, match=message):
        entries(data)


def test_a_crc_that_is_wrong():
    data = bytearray(made(block(ONE)))
    data[4] ^= 1
    with pytest.raises(ValueError, match="crc of an index block is wrong"):
        entries(data)


def test_keys_that_grow_without_end_take_no_memory():
    """Each key repeats the one before and adds a byte: 200 kilobytes of entries would be two and a half gigabytes of keys."""
    rows = encode_varint(0) + encode_varint(1) + encode_varint(0) + b"a"
    rows += b"".join(encode_varint(shared) + encode_varint(1) + encode_varint(0) + b"a" for shared in range(1, 50_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 16 times the bytes of the file"):
        entries(made(block(rows), limits=b"b"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
