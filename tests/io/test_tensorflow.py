"""TensorFlow's checkpoints: files that TensorFlow wrote, read and written again; and every kind of damage."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import tf_values
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from albert_np.io.formats import bundle, table, tensorflow
from albert_np.io.formats.crc32c import masked_crc32c
from albert_np.io.formats.table import encode_varint
from albert_np.io.protobuf import BYTES, FOUR_BYTES, VARINT

FILES = Path(__file__).parent / "fixtures" / "tf"
HAND_MADE = {
    "alpha": np.arange(6, dtype=np.float32).reshape(2, 3),
    "alpha/adam_m": np.zeros((2, 3), np.float32),
    "beta": np.arange(1, 5, dtype=np.float32),
    "global_step": np.array(7, np.int64),
}
OBJECTS = {f"{name}/.ATTRIBUTES/VARIABLE_VALUE": HAND_MADE[name] for name in ("alpha", "beta")}
EXPECTED = {
    "dtypes": tf_values.dtypes(),
    "partitioned": tf_values.partitioned(),
    "ok_hand_made": HAND_MADE,
    "real_tf2_object": OBJECTS,
}


def same(found, expected):
    """Equal names, dtypes, shapes and numbers."""
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name
    return True


@pytest.mark.parametrize("name", EXPECTED)
def test_files_of_tensorflow(name):
    found = tensorflow.read(FILES / name)
    assert same(found, EXPECTED[name])
    assert list(found) == sorted(found, key=str.encode)


def test_whole_tensors_are_read_only_views_of_the_file():
    tensors = tensorflow.read(FILES / "dtypes")
    assert not any(array.flags.writeable or array.flags.owndata for array in tensors.values())


def test_written_again_byte_for_byte(tmp_path):
    tensorflow.write(tmp_path / "dtypes", dict(reversed(tensorflow.read(FILES / "dtypes").items())))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dtypes.data-00000-of-00001", "dtypes.index"]
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FILES / path.name).read_bytes()


def test_v1_is_told_apart(tmp_path):
    data = (FILES / "real_v1").read_bytes()
    assert tensorflow.is_v1(data) and tensorflow.is_v1(data[:16])
    for path in FILES.glob("*.index"):
        assert not tensorflow.is_v1(path.read_bytes())
    assert not any(tensorflow.is_v1(head) for head in (b"", b"\0\0", b"\0\0\x80", b"not a table"))
    (tmp_path / "m.index").write_bytes(data)
    with pytest.raises(ValueError, match=r"m\.index: V1 checkpoints are not supported; save again with V2"):
        tensorflow.read(tmp_path / "m")


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda name: name[0] != "\0"),
        st.sampled_from(tf_values.DTYPES).flatmap(
            lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
        ),
        max_size=8,
    )
)
def test_round_trip(tmp_path_factory, tensors):
    prefix = tmp_path_factory.mktemp("round") / "model.ckpt"
    tensorflow.write(prefix, tensors)
    assert same(tensorflow.read(prefix), tensors)


def test_any_layout_in_memory_is_written_in_order(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(5, 12)
    tensorflow.write(tmp_path / "m", {"t": array.T, "step": array[::2, ::-3], "big": array.astype(">f4")})
    assert same(tensorflow.read(tmp_path / "m"), {"t": array.T, "step": array[::2, ::-3], "big": array})


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"": np.zeros(1)}, "'' cannot be the name"),
        ({"\0a": np.zeros(1)}, r"'\\x00a' cannot be the name"),
        ({"\ud800": np.zeros(1)}, "surrogates"),
        ({"a": np.zeros(1), "b": np.array(["x"])}, "b has the dtype <U1"),
        ({"a": np.array([None])}, "a has the dtype object"),
    ],
)
def test_what_cannot_be_written(tmp_path, tensors, message):
    with pytest.raises(ValueError, match=message):
        tensorflow.write(tmp_path / "m", tensors)
    assert not list(tmp_path.iterdir())


def test_the_code_of_slices_sorts_as_numbers_do():
    numbers = sorted({sign * (1 << bits) + more for sign in (1, -1) for bits in range(63) for more in (-1, 0, 1)})
    codes = [bundle._sortable(value) for value in numbers]
    assert codes == sorted(codes)
    assert bundle._sortable(-1) == b"\x7f" and bundle._sortable(0) == b"\x80" and bundle._sortable(80) == b"\xc0\x50"
    assert bundle._sortable(1 << 62) == bytes.fromhex("ffc04000000000000000")


# ---- damage whose checksums are right: the entries of the index are written anew ----


def field(at, kind, value):
    """One field in protobuf's wire format."""
    data = (
        value if kind == FOUR_BYTES else encode_varint(len(value)) + value if kind == BYTES else encode_varint(value % (1 << 64))
    )
    return encode_varint(at << 3 | kind) + data


def entry(dtype=1, shape=(4,), shard=0, offset=48, size=16, crc=None, slices=()):
    """An entry; without more it is that of beta."""
    crc = masked_crc32c(HAND_MADE["beta"].tobytes()) if crc is None else crc
    message = field(1, VARINT, dtype) + field(2, BYTES, b"".join(field(2, BYTES, field(1, VARINT, n)) for n in shape))
    message += field(3, VARINT, shard) + field(4, VARINT, offset) + field(5, VARINT, size)
    message += field(6, FOUR_BYTES, struct.pack("<I", crc))
    for extents in slices:
        parts = (field(1, VARINT, start) + (field(2, VARINT, length) if length is not None else b"") for start, length in extents)
        message += field(7, BYTES, b"".join(field(1, BYTES, part) for part in parts))
    return message


def changed(tmp_path, changes, name="ok_hand_made"):
    """A copy of a checkpoint whose index has other values under these keys; None takes one out."""
    for path in FILES.glob(f"{name}.*"):
        shutil.copy(path, tmp_path / path.name)
    rows = {key: bytes(value) for key, value in table.read(memoryview((FILES / f"{name}.index").read_bytes()))} | changes
    rows = sorted((key, value) for key, value in rows.items() if value is not None)
    (tmp_path / f"{name}.index").write_bytes(table.write(rows))
    return tmp_path / name


def test_the_entry_made_here_is_right(tmp_path):
    assert same(tensorflow.read(changed(tmp_path, {b"beta": entry()})), HAND_MADE)
    unknown = entry() + field(99, VARINT, 5)
    assert same(tensorflow.read(changed(tmp_path, {b"beta": unknown})), HAND_MADE)


HUGE = 1 << 62
OK_HEADER = field(1, VARINT, 1)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (b"", None, "bundle header is missing"),
        (b"", b"\x08", "bundle header cannot be parsed"),
        (b"", OK_HEADER + field(3, VARINT, 1), "bundle header cannot be parsed: field 3 has the wire type 0, not 2"),
        (b"", OK_HEADER + field(2, VARINT, 1), "big-endian checkpoints are not supported"),
        (b"", OK_HEADER + field(3, BYTES, field(2, VARINT, 2)), "a reader of version 2"),
        (b"", field(1, VARINT, 0), "number of shards must be positive, not 0"),
        (b"", field(1, VARINT, -1), "number of shards must be positive, not -1"),
        (b"", field(1, VARINT, HUGE), r"more shards \(4611686018427387904\) than tensors \(4\)"),
        (b"beta", b"\xff", "entry of beta cannot be parsed"),
        (b"beta", entry()[:-2], "entry of beta cannot be parsed: field 6"),
        (b"beta", entry() + field(2, BYTES, field(3, VARINT, 1)), "unknown rank"),
        (b"beta", entry(shape=(-4,)), r"dimensions must not be negative: beta has the shape \(-4,\)"),
        (b"beta", entry(shape=(-2, -2)), "dimensions must not be negative"),
        (b"beta", entry(shape=(HUGE, HUGE)), "size and shape of beta disagree"),
        (b"beta", entry(shape=(3,)), r"size and shape of beta disagree: \(3,\) in float32 needs 12 bytes, its size is 16"),
        (b"beta", entry(shape=()), "size and shape of beta disagree"),
        (b"beta", entry(dtype=14), r"\(4,\) in bfloat16 needs 8 bytes"),
        (b"beta", entry(size=HUGE), "size and shape of beta disagree"),
        (b"beta", entry(shape=(4,) + (1,) * 64), "65 dimensions"),
        (b"beta", entry(shape=(0, HUGE), size=0), "too large"),
        (b"beta", entry(dtype=0), "unknown dtype 0 of beta"),
        (b"beta", entry(dtype=99), "unknown dtype 99 of beta"),
        (b"beta", entry(dtype=11), "unknown dtype 11 of beta"),
        (b"beta", entry(shard=5), "shard 5 of beta does not exist"),
        (b"beta", entry(shard=-1), "shard -1 of beta does not exist"),
        (b"beta", entry(offset=-16), "offset and size must not be negative: beta has -16"),
        (b"beta", entry(offset=10**6), "beta reaches past the end of the data"),
        (b"beta", entry(offset=HUGE), "beta reaches past the end of the data"),
        (b"beta", entry(offset=8), "tensors overlap: alpha and beta"),
        (b"beta", entry(crc=0), "crc of tensor beta is wrong"),
        (b"beta", entry(dtype=10, shape=(16,)), "truth values other than 0 and 1"),
        (b"beta", entry(dtype=7, size=-1), "size must not be negative"),
        (b"beta", entry(dtype=7, size=17), "tensors overlap: beta and global_step"),
        (b"beta", entry(dtype=7, offset=70), "beta reaches past the end"),
        (b"\xff\xfe", entry(), "name is not UTF-8"),
        (b"\0beta", entry(), "a slice belongs to no tensor"),
    ],
)
def test_damage_with_right_checksums(tmp_path, key, value, message):
    prefix = changed(tmp_path, {key: value})
    with pytest.raises(ValueError, match=message) as error:
        tensorflow.read(prefix)
    assert "ok_hand_made.index" in str(error.value)


BOXES = [((0, 2), (0, 6)), ((2, 2), (0, 1)), ((2, 2), (1, 5))]


def boxes(slices, **more):
    """The entry of the partitioned tensor `boxes`, (4, 6)."""
    return {b"boxes": entry(dtype=2, shape=(4, 6), offset=0, size=0, crc=0, slices=slices, **more)}


def test_partitioned_with_its_own_entries(tmp_path):
    assert same(tensorflow.read(changed(tmp_path, boxes(BOXES), "partitioned")), tf_values.partitioned())


SLICE = bundle.slice_key("boxes", BOXES[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (boxes(BOXES[:2]), "a slice belongs to no tensor"),
        (boxes(BOXES + [BOXES[0]]), r"slice boxes\[0:2, 0:6\] is missing, or listed twice"),
        (boxes([((0, 2), (0, 5)), *BOXES[1:]]), r"slice boxes\[0:2, 0:5\] is missing"),
        (boxes([((0, 2), (0, 7)), *BOXES[1:]]), "begins at 0 and has length 7 on an axis of 6"),
        (boxes([((-1, 2), (0, 6)), *BOXES[1:]]), "begins at -1"),
        (boxes([((3, None), (0, 6)), *BOXES[1:]]), "begins at 3 and has length -1"),
        (boxes([((0, -2), (0, 6)), *BOXES[1:]]), "begins at 0 and has length -2"),
        (boxes([((0, 2),), *BOXES[1:]]), "has 1 axes, the tensor 2"),
        ({b"boxes": entry(dtype=2, shape=(5, 6), slices=BOXES)}, r"have 24 numbers, its shape \(5, 6\) 30"),
        ({b"boxes": entry(dtype=2, shape=(1 << 40, 1 << 40), slices=BOXES)}, "have 24 numbers"),
        ({b"boxes": entry(dtype=1, shape=(4, 6), slices=BOXES)}, "the dtype 2"),
        ({SLICE: entry(dtype=2, shape=(6, 2), size=96)}, r"slice boxes\[0:2, 0:6\] has the shape \(6, 2\)"),
        ({SLICE: entry(dtype=2, shape=(2, 6), size=96, slices=BOXES)}, r"slice boxes\[0:2, 0:6\] has"),
        ({SLICE: entry(dtype=2, shape=(2, 6), size=96, offset=6, crc=1)}, r"crc of tensor boxes\[0:2, 0:6\] is wrong"),
    ],
)
def test_slices_that_do_not_fit(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        tensorflow.read(changed(tmp_path, changes, "partitioned"))


def test_slices_that_overlap(tmp_path):
    """As many numbers as the tensor has, but two places share one, and another has none."""
    half = np.arange(4, dtype=np.float32)
    tensorflow.write(tmp_path / "m", {"x": half, "y": half})
    rows = {key: bytes(value) for key, value in table.read(memoryview((tmp_path / "m.index").read_bytes()))}
    places = [((0, 4),), ((3, 4),)]
    rows |= {bundle.slice_key("z", place): rows.pop(key) for place, key in zip(places, (b"x", b"y"))}
    rows[b"z"] = entry(shape=(8,), offset=0, size=0, slices=places)
    (tmp_path / "m.index").write_bytes(table.write(sorted(rows.items())))
    with pytest.raises(ValueError, match="the slices of z overlap"):
        tensorflow.read(tmp_path / "m")


def test_files_that_are_missing_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.index"):
        tensorflow.read(tmp_path / "none")
    prefix = changed(tmp_path, {}, "partitioned")
    (tmp_path / "partitioned.data-00001-of-00002").unlink()
    with pytest.raises(FileNotFoundError, match=r"data-00001-of-00002 is missing: the index asks for 2 data files"):
        tensorflow.read(prefix)


@pytest.mark.parametrize(
    ("suffix", "contents", "message"),
    [
        (".index", b"", "is empty"),
        (".index", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (".data-00000-of-00001", b"", "is empty"),
        (".data-00000-of-00001", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (".data-00000-of-00001", b"<!DOCTYPE html>" + bytes(99), "web page"),
        (".data-00000-of-00001", bytes(71), "global_step reaches past the end of the data: .* has 71 bytes"),
        (".data-00000-of-00001", bytes(50), "beta and global_step reach past the end of the data"),
        (".data-00000-of-00001", bytes(72), "crc of tensor alpha is wrong"),
    ],
)
def test_files_that_are_something_else(tmp_path, suffix, contents, message):
    prefix = changed(tmp_path, {})
    prefix.with_name(prefix.name + suffix).write_bytes(contents)
    with pytest.raises(ValueError, match=message):
        tensorflow.read(prefix)


# ---- any byte changed ----


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated")


def never_wrong(place, name, changed, data):
    """A checkpoint with one file replaced gives a ValueError or exactly the right tensors."""
    for path in FILES.glob(f"{name}.*"):
        (place / path.name).unlink(missing_ok=True)
        (place / path.name).write_bytes(data if path == changed else path.read_bytes())
    try:
        found = tensorflow.read(place / name)
    except ValueError as error:
        assert name in str(error)  # the message names the file
        return False
    return same(found, EXPECTED[name])


@settings(max_examples=400)
@given(data=st.data())
def test_any_byte_flipped_cut_or_inserted(place, data):
    name = data.draw(st.sampled_from(sorted(EXPECTED)))
    path = data.draw(st.sampled_from(sorted(FILES.glob(f"{name}.*"))))
    contents = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(contents) - 1)))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "insert"])):
            case "flip" if contents:
                contents[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del contents[at:]
            case "drop":
                del contents[at : at + data.draw(st.integers(1, 9))]
            case _:
                contents[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    never_wrong(place, name, path, bytes(contents))


def test_every_bit_of_the_footer(place):
    """The footer has no checksum: of its 384 bits those of the magic number and of the index block's handle are noticed."""
    path = FILES / "partitioned.index"
    contents = path.read_bytes()
    passed = []
    for bit in range(8 * 48):
        flipped = bytearray(contents)
        flipped[len(contents) - 48 + bit // 8] ^= 1 << bit % 8
        if never_wrong(place, "partitioned", path, bytes(flipped)):
            passed.append(bit // 8)
    used = len(contents[-48:-8].rstrip(b"\0"))
    assert max(passed) < 40 and used > 3
    assert set(range(used, 40)) <= set(passed)  # the zeros that fill it up
