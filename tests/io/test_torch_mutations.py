"""Files of torch.save with bytes flipped, cut or inserted: a clean error or the right tensors, and never anything else."""

import contextlib
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch_writer import EMPTY, FALSE, TRUE, entries, legacy, name_of, number, row, storage, tensor, zipped

from albert_np.io.formats import torch_file, unpickle

WORDS, HALVES = np.arange(6, dtype="<f4"), np.array([3, 1, 2], "<f2")
HALVES_OF = tensor(storage("1", 3, "HalfStorage"), 0, (3,), (1,))
VALUE = entries(
    EMPTY,
    words=tensor(storage("0", 6), 0, (2, 3), (3, 1)) + b"q\x07",
    decoder=b"h\x07",  # the same tensor once more
    transposed=tensor(storage("0", 6), 0, (3, 2), (1, 3)),
    halves=name_of("torch._utils", "_rebuild_parameter") + row(HALVES_OF, TRUE, EMPTY) + b"R",
    one=tensor(storage("0", 6), 5, (), ()),
)
VALUE += entries(b"}", _metadata=entries(EMPTY, layer=entries(b"}", version=number(1), old=FALSE))) + b"b"
TABLE = WORDS.reshape(2, 3)
RIGHT = {"words": TABLE, "decoder": TABLE, "transposed": TABLE.T, "halves": HALVES, "one": WORDS[5]}
ZIP = zipped(VALUE, {"0": WORDS.tobytes(), "1": HALVES.tobytes()})
BIG = zipped(VALUE, {"0": WORDS.astype(">f4").tobytes(), "1": HALVES.astype(">f2").tobytes()}, order=b"big")
LEGACY = legacy(VALUE, {"0": (6, WORDS.tobytes()), "1": (3, HALVES.tobytes())})
NUMBERS_START = len(LEGACY) - 8 - 24 - 8 - 6  # where the five pickles end


@st.composite
def damages(draw, whole):
    """(where, the bytes of `whole` with some flipped, cut out, put in or cut off from there on)."""
    at = draw(st.integers(0, len(whole) - 1))
    kind = draw(st.sampled_from(["flip", "cut", "insert", "end"]))
    if kind == "flip":
        return at, whole[:at] + bytes([whole[at] ^ draw(st.integers(1, 255))]) + whole[at + 1 :]
    if kind == "cut":
        return at, whole[:at] + whole[at + draw(st.integers(1, 40)) :]
    if kind == "insert":
        return at, whole[:at] + draw(st.binary(min_size=1, max_size=40)) + whole[at:]
    return at, whole[:at]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutations")


def read(folder, data):
    """The tensors, or None if there was a ValueError that names the file; anything else fails the test."""
    path = folder / "mutated.bin"
    path.unlink(missing_ok=True)  # a file in use as a map must not be written to
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*(ignored, as they are no tensors|the weights were found under)", UserWarning)
            return torch_file.read(path)
    except ValueError as error:
        assert "mutated.bin" in str(error)
        return None


def assert_right(arrays):
    assert list(arrays) == list(RIGHT)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, RIGHT[name], strict=True)


def assert_sound(arrays, data):
    """Without a checksum numbers may be wrong, and so may names and shapes; but all lies inside the file, and can be read."""
    for name, array in arrays.items():
        assert type(name) is str and not array.flags.writeable
        assert array.nbytes <= 2 * len(data)  # 2: bfloat16 becomes float32
        array.copy()


@pytest.mark.parametrize("data", [ZIP, BIG, LEGACY])
def test_the_files_are_right_before_anything_is_done_to_them(folder, data):
    assert_right(read(folder, data))


@settings(max_examples=800)
@given(damages(ZIP))
def test_zip(folder, damage):
    arrays = read(folder, damage[1])
    if arrays is not None:
        assert_right(arrays)


@settings(max_examples=400)
@given(damages(BIG))
def test_big_endian_zip(folder, damage):
    """A lost byteorder record would turn the numbers into others."""
    arrays = read(folder, damage[1])
    if arrays is not None:
        assert_right(arrays)


@settings(max_examples=800)
@given(damages(LEGACY))
@example((NUMBERS_START + 8, LEGACY[: NUMBERS_START + 8] + b"\xff" + LEGACY[NUMBERS_START + 9 :]))
def test_legacy(folder, damage):
    at, data = damage
    arrays = read(folder, data)
    if arrays is None:
        return
    assert_sound(arrays, data)
    if at >= NUMBERS_START:
        assert [(name, array.shape, array.dtype) for name, array in arrays.items()] == [
            (n, a.shape, a.dtype) for n, a in RIGHT.items()
        ]


@pytest.mark.parametrize("whole", [ZIP, BIG, LEGACY], ids=["zip", "big", "legacy"])
def test_every_byte_flipped_and_every_length(folder, whole):
    accepted = 0
    for at in range(len(whole)):
        for flip in (0x01, 0x20, 0xFF):
            data = whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
            arrays = read(folder, data)
            accepted += arrays is not None
            if arrays is not None:
                assert_sound(arrays, data) if whole is LEGACY else assert_right(arrays)
        assert read(folder, whole[:at]) is None, f"cut to {at} bytes"
    assert accepted < 3 * len(whole) / 2


@settings(max_examples=1000)
@given(st.binary(max_size=60))
def test_any_bytes_as_a_pickle(data):
    """The machine itself: an ordinary error or a value, whatever it is given."""
    with contextlib.suppress(ValueError):
        unpickle.load(b"\x80\x02" + data + b".")


OPCODES = [bytes([code]) for code in unpickle.OPERATIONS] + [
    b"K\x01",
    b"X\x01\0\0\0a",
    EMPTY,
    storage("0", 6),
    HALVES_OF,
    b"h\x07",
    b"q\x07",
]


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(OPCODES), max_size=40))
def test_any_program(codes):
    """The same, of opcodes that mean something."""
    with contextlib.suppress(ValueError):
        unpickle.load(b"\x80\x04" + b"".join(codes) + b".")
