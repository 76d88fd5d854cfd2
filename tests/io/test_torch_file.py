"""Files of torch.save, whole and damaged, in both forms; written by hand here, so that no torch is needed."""

import tracemalloc
import zipfile

import numpy as np
import pytest
from torch_writer import (
    EMPTY,
    FALSE,
    MAGIC,
    NONE,
    TRUE,
    entries,
    legacy,
    name_of,
    number,
    pickled,
    row,
    storage,
    string,
    tensor,
    zipped,
)  # fmt: skip

from albert_np.io.formats import torch_file

SIX, FOUR = np.arange(6, dtype="<f4"), np.arange(11, 15, dtype="<f4")
SIX_BYTES = SIX.tobytes()
A = tensor(storage("0", 6), 0, (2, 3), (3, 1))
B = tensor(storage("1", 4), 0, (4,), (1,))
TWO = entries(EMPTY, a=A, b=B)
STORAGES = {"0": SIX_BYTES, "1": FOUR.tobytes()}
LEGACY_STORAGES = {"0": (6, SIX_BYTES), "1": (4, FOUR.tobytes())}


@pytest.fixture
def read(tmp_path):
    """Read a file that has these bytes."""

    def read_bytes(data):
        path = tmp_path / "pytorch_model.bin"
        path.write_bytes(data)
        return torch_file.read(path)

    return read_bytes


@pytest.fixture
def refused(read, tmp_path):
    """A file that has these bytes is refused, with these words and the file's name, and without memory or a new file."""

    def check(data, *words):
        tracemalloc.start()
        try:
            with pytest.raises(ValueError) as caught:
                read(data)
            assert tracemalloc.get_traced_memory()[1] < 4e6
        finally:
            tracemalloc.stop()
        for word in ("pytorch_model.bin", *words):
            assert word in str(caught.value)
        assert len(str(caught.value)) < 1000
        assert [path.name for path in tmp_path.rglob("*")] == ["pytorch_model.bin"]

    return check


def one(of, data=SIX_BYTES, **kinds):
    """A zip with the tensor `a`, whose opcodes are given, and one storage."""
    return zipped(entries(EMPTY, a=of), {"0": data}, **kinds)


def assert_two(arrays):
    assert list(arrays) == ["a", "b"]
    np.testing.assert_array_equal(arrays["a"], SIX.reshape(2, 3), strict=True)
    np.testing.assert_array_equal(arrays["b"], FOUR, strict=True)


# What is right.

METADATA = entries(b"}", _metadata=entries(EMPTY, layer=entries(b"}", version=number(1)))) + b"b"


@pytest.mark.parametrize(
    "data",
    [
        zipped(TWO, STORAGES),
        legacy(TWO, LEGACY_STORAGES),
        zipped(entries(b"}", a=A, b=B), STORAGES),  # a plain dict
        zipped(TWO + METADATA, STORAGES),  # a true state_dict()
        legacy(TWO + METADATA, LEGACY_STORAGES),
        zipped(TWO, STORAGES, order=None),  # torch < 2.1
        zipped(TWO, STORAGES, folder="模型"),
    ],
    ids=["zip", "legacy", "dict", "state_dict", "legacy state_dict", "no byteorder", "not ascii"],
)
def test_what_is_right(read, data):
    assert_two(read(data))


def test_legacy_form_with_the_sixth_field_that_torch_leaves_empty(read):
    value = entries(EMPTY, a=tensor(storage("0", 6, extra=[NONE]), 0, (6,), (1,)))
    np.testing.assert_array_equal(read(legacy(value, {"0": (6, SIX_BYTES)}))["a"], SIX)


PARAMETER = name_of("torch._utils", "_rebuild_parameter") + row(A, TRUE, EMPTY) + b"R"
OLDEST = name_of("torch._utils", "_rebuild_tensor") + row(storage("0", 6), 0, row(2, 3), row(3, 1)) + b"R"


@pytest.mark.parametrize("value", [PARAMETER, OLDEST], ids=["Parameter", "_rebuild_tensor"])
def test_other_ways_to_make_a_tensor(read, value):
    np.testing.assert_array_equal(read(one(value))["a"], SIX.reshape(2, 3))


KINDS = {
    "FloatStorage": "f4", "HalfStorage": "f2", "DoubleStorage": "f8", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_number_in_both_byte_orders(read, kind, order):
    numbers = np.array([1, 0, 1, 1, 0, 1]) if kind == "BoolStorage" else np.array([1, 2, 100, 0, 7, 5])
    data = numbers.astype(order + KINDS[kind]).tobytes()
    file = one(tensor(storage("0", 6, kind), 0, (6,), (1,)), data, order=b"little" if order == "<" else b"big")
    np.testing.assert_array_equal(read(file)["a"], numbers.astype(KINDS[kind]), strict=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_bfloat16_comes_as_float32_and_is_exact(read, order):
    bits = np.array([0x3F80, 0xC020, 0x7F80, 0x0001, 0x7FC0, 0x8000], np.uint16)  # 1, -2.5, inf, the least, nan, -0
    data = bits.astype(order + "u2").tobytes()
    found = read(
        one(tensor(storage("0", 6, "BFloat16Storage"), 0, (6,), (1,)), data, order=b"little" if order == "<" else b"big")
    )["a"]
    assert found.dtype == np.float32 and not found.flags.writeable
    np.testing.assert_array_equal(found.view(np.uint32), bits.astype(np.uint32) << 16)
    np.testing.assert_array_equal(found[:3], [1, -2.5, np.inf])


@pytest.mark.parametrize("write", [zipped, legacy])
def test_views_share_their_storage_and_are_read_only(read, write):
    twelve = np.arange(12, dtype="<f4")
    of = storage("0", 12)
    value = entries(EMPTY, transposed=tensor(of, 0, (4, 3), (1, 4)), shifted=tensor(of, 5, (4,), (1,)),
                    every_third=tensor(of, 0, (4,), (3,)), whole=tensor(of, 0, (12,), (1,)), last=tensor(of, 11, (), ()),
                    one_row=tensor(of, 0, (1, 12), (1 << 62, 1)))  # fmt: skip
    stored = twelve.tobytes()
    arrays = read(write(value, {"0": stored if write is zipped else (12, stored)}))
    np.testing.assert_array_equal(arrays["transposed"], twelve.reshape(3, 4).T)
    np.testing.assert_array_equal(arrays["shifted"], [5, 6, 7, 8])
    np.testing.assert_array_equal(arrays["every_third"], [0, 3, 6, 9])
    np.testing.assert_array_equal(arrays["one_row"], twelve[None])
    assert arrays["last"].shape == () and arrays["last"] == 11
    for array in arrays.values():
        assert np.shares_memory(array, arrays["whole"])
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_empty_tensors(read):
    value = entries(EMPTY, a=A, none=tensor(storage("1", 0), 0, (0, 768), (768, 1)), end=tensor(storage("0", 6), 6, (0,), (1,)))
    arrays = read(zipped(value, {"0": SIX_BYTES, "1": b""}))
    assert arrays["none"].shape == (0, 768) and arrays["end"].shape == (0,)
    assert arrays["none"].dtype == np.float32 and not arrays["none"].flags.writeable


@pytest.mark.parametrize("write", [zipped, legacy])
def test_numbers_are_not_copied(tmp_path, write):
    size = 5_000_000
    value, numbers = entries(EMPTY, a=tensor(storage("0", size), 0, (size,), (1,))), bytes(4 * size)
    (tmp_path / "a.bin").write_bytes(write(value, {"0": numbers if write is zipped else (size, numbers)}))
    del numbers
    tracemalloc.start()
    array = torch_file.read(tmp_path / "a.bin")["a"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert array.nbytes == 4 * size and peak < 1e6


def test_storages_that_no_tensor_needs_are_not_read(read):
    damaged = bytearray(zipped(entries(b"}", state_dict=entries(EMPTY, a=A), other=entries(b"}", b=B)), STORAGES))
    damaged[damaged.index(FOUR.tobytes())] ^= 1  # its CRC-32 is wrong now
    with pytest.warns(UserWarning, match=r"pytorch_model.bin: the weights were found under state_dict; not used: other"):
        np.testing.assert_array_equal(read(bytes(damaged))["a"], SIX.reshape(2, 3))


# What stands beside the tensors, or around them.


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_weights_inside_a_training_checkpoint(read, key):
    optimizer = entries(b"}", state=b"}(" + number(0) + entries(b"}", exp_avg=B, step=number(3)) + b"u", groups=b"](" + b"}e")
    value = entries(b"}", epoch=number(3), optimizer=optimizer, loss=b"G?\xf0\0\0\0\0\0\0", **{key: TWO})
    with pytest.warns(UserWarning, match=f"found under {key}; not used: epoch, loss, optimizer") as caught:
        assert_two(read(zipped(value, STORAGES)))
    assert len(caught) == 1


def test_values_that_are_no_tensors_are_named_once(read):
    value = entries(EMPTY, a=A, epoch=number(3), note=string("text"), best=TRUE, nothing=NONE)
    with pytest.warns(UserWarning, match="ignored, as they are not tensors: best, epoch, note, nothing$") as caught:
        assert list(read(zipped(value, STORAGES))) == ["a"]
    assert len(caught) == 1


def test_top_level(refused):
    refused(zipped(b"](" + A + b"e", STORAGES), "expected a dict of tensors, found a list")
    refused(zipped(A, STORAGES), "expected a dict of tensors, found a tensor")
    refused(zipped(b"}(" + number(3) + A + b"u", STORAGES), "must be strings; one is a number")
    refused(zipped(b"}(" + row(1, 2) + A + b"u", STORAGES), "must be strings; one is a tuple")
    refused(zipped(b"}(" + string("a") + A + string("a") + A + b"u", STORAGES), "a occurs twice")
    refused(zipped(EMPTY, STORAGES), "holds no tensors; it has nothing")
    refused(zipped(entries(b"}", epoch=number(3)), STORAGES), "holds no tensors; it has epoch")
    refused(zipped(entries(b"}", a=A, more=b"](Ne"), STORAGES), "the value of more is a list, not a tensor")
    refused(zipped(entries(b"}", a=A, f=EMPTY[:-2]), STORAGES), "the value of f is a class or function, not a tensor")
    refused(zipped(entries(b"}", model=TWO, state_dict=TWO), STORAGES), "weights under model, state_dict")
    refused(zipped(b"}q\0(" + string("a") + b"h\0u", STORAGES), "the value of a is a dict, not a tensor")


# Tensors that lie about their storages.


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize(
    ("offset", "size", "stride", "words"),
    [
        (0, (3, 3), (3, 1), "tensor a needs 9 numbers, its storage has 6"),
        (5, (2, 3), (3, 1), "tensor a reaches past its storage"),
        (6, (), (), "tensor a reaches past its storage"),
        (7, (0,), (1,), "tensor a reaches past its storage"),
        (-1, (2, 3), (3, 1), "offset must not be negative"),
        (0, (2, 3), (-3, 1), "strides must not be negative"),
        (0, (2, 3), (1 << 40, 1), "tensor a reaches past its storage"),
        (0, (2, 3), (1 << 62, 1 << 62), "tensor a reaches past its storage"),
        (1 << 64, (2, 3), (3, 1), "tensor a reaches past its storage"),
        (0, (-2, -3), (3, 1), "sizes must not be negative"),
        (0, (2, 3), (1,), "size and stride differ in length"),
        (0, (1 << 20, 1 << 20), (0, 0), "it is larger than its storage"),
        (0, (7,), (0,), "it is larger than its storage"),
        (0, (0, 1 << 62), (1, 1), "larger than memory"),
        (0, (1 << 32, 1 << 32, 0), (1, 1, 1), "larger than memory"),
        (0, (1,) * 65, (1,) * 65, "65 dimensions"),
    ],
)
def test_bounds(refused, form, offset, size, stride, words):
    value = entries(EMPTY, a=tensor(storage("0", 6), offset, size, stride))
    data = zipped(value, {"0": SIX_BYTES}) if form == "zip" else legacy(value, {"0": (6, SIX_BYTES)})
    refused(data, words)


def test_storages(refused):
    def of(numel, key="0", **kinds):
        return one(tensor(storage(key, numel, **kinds), 0, (2, 3), (3, 1)))

    refused(of(5), "needs 6 numbers, its storage has 5")
    refused(of(7), "storage 0: 28 bytes expected, data/0 has 24")
    refused(of(1 << 60), "storage 0: 4611686018427387904 bytes expected, data/0 has 24")
    refused(of(-6), "must not be negative")
    refused(of(6, "../../x"), "lacks data/../../x")
    refused(of(6, "9"), "lacks data/9")
    refused(of(6, kind="ComplexFloatStorage"), "storage type ComplexFloatStorage is not supported")
    refused(of(6, kind="QUInt8Storage"), "storage type QUInt8Storage is not supported")
    refused(of(6, module="evil"), "refuses the global evil.FloatStorage")
    refused(of(6, kind="UntypedStorage", module="torch.storage"), "refuses the global torch.storage.UntypedStorage")
    refused(of(6, extra=[row(1, 2, 3)]), "the description of a storage is damaged, or of a kind that is not supported")
    refused(one(string("0") + b"Q"), "unknown persistent id", "a string")
    refused(one(tensor(storage("0", 6, "BoolStorage"), 0, (6,), (1,)), b"\0\1\0\1\2\0"), "neither 0 nor 1")
    twice = entries(EMPTY, a=A, b=tensor(storage("0", 12, "HalfStorage"), 0, (12,), (1,)))
    refused(zipped(twice, STORAGES), "storage 0 is described twice")


def test_flags_and_hooks(read, refused):
    refused(one(tensor(storage("0", 6), 0, (6,), (1,), metadata=[entries(b"}", neg=TRUE)])), "flags")
    refused(one(tensor(storage("0", 6), 0, (6,), (1,), hooks=entries(EMPTY, hook=TRUE))), "hooks")
    np.testing.assert_array_equal(read(one(tensor(storage("0", 6), 0, (6,), (1,), metadata=[b"}"])))["a"], SIX)


# Archives.


def test_cut_archives(refused):
    whole = zipped(TWO, STORAGES)
    for length in (len(whole) // 2, len(whole) - 10, 10):
        refused(whole[:length], "truncated or damaged zip archive")


def test_wrong_checksum(refused):
    for part in (SIX_BYTES, b"little", b"OrderedDict"):
        data = bytearray(zipped(TWO, STORAGES))
        data[data.index(part) + 1] ^= 1
        refused(bytes(data), "CRC error in")


def test_members(refused):
    archive = zipped(TWO, STORAGES, others=[("archive/other", b"x")])
    refused(archive.replace(b"archive/data.pkl", b"archive/data.pk_"), "no data.pkl")
    refused(zipped(TWO, {"0": SIX_BYTES}), "the archive lacks data/1")
    refused(archive.replace(b"archive/other", b"archive/_ther", 1), "the header of archive/other is not where the directory says")
    for odd in ("../outside.txt", "/etc/passwd", "archive/../x", "archive/..\\x", "elsewhere/data.pkl"):
        refused(zipped(TWO, STORAGES, others=[(odd, b"x")]), "odd member name")
    refused(zipped(TWO, STORAGES, others=[("archive/constants.pkl", b"x")]), "TorchScript")
    refused(zipped(TWO, STORAGES, order=b"middle"), "neither little nor big")
    refused(zipped(pickled(TWO) + b"!", STORAGES), "data.pkl has 1 bytes after its end")
    refused(zipped(TWO, {"0": bytes(1 << 20), "1": b""}, method=zipfile.ZIP_DEFLATED), "is compressed")


def test_two_members_of_one_name(refused):
    with pytest.warns(UserWarning, match="Duplicate"):  # zipfile's own
        data = zipped(TWO, STORAGES, others=[("archive/data.pkl", pickled(TWO))])
    refused(data, "two members of the same name")


@pytest.mark.parametrize(
    ("signature", "at", "value", "words"),
    [
        (b"PK\1\2", 8, 1, "encrypted"),  # the last member's entry in the directory
        (b"PK\1\2", 10, 8, "is compressed"),  # by its method
        (b"PK\1\2", 24, 100, "is compressed"),  # by its two sizes
        (b"PK\3\4", 2, 9, "the header of archive/version is not where the directory says"),
        (b"PK\3\4", 27, 2, "the header of archive/version is not where the directory says"),  # a name of 512 bytes
        (b"PK\3\4", 29, 2, "archive/version ends past the end of the file"),  # 512 bytes between its name and its data
    ],
)
def test_a_member_that_is_not_used_must_be_sound_too(refused, signature, at, value, words):
    data = bytearray(zipped(TWO, STORAGES))
    data[data.rindex(signature) + at] = value
    refused(bytes(data), words)


def test_members_that_overlap_cannot_ask_for_endless_checksums(refused):
    """Many entries for the same bytes: each by itself lies in the file."""
    data = zipped(TWO, STORAGES | {str(i): b"" for i in range(2, 40)})
    size = len(data) // 2
    start = data.index(b"PK\1\2")
    for _ in range(10):  # the directory entries, one after the other: set both sizes
        data = data[: start + 20] + size.to_bytes(4, "little") * 2 + data[start + 28 :]
        start = data.index(b"PK\1\2", start + 46)
    refused(data, "larger than the file")


# The older form.


def test_damaged_legacy_files(refused):
    whole = legacy(TWO, LEGACY_STORAGES)
    refused(legacy(TWO, LEGACY_STORAGES, magic=MAGIC + 1), "not a torch file")
    refused(legacy(TWO, LEGACY_STORAGES, version=1002), "version 1001", "found 1002")
    refused(legacy(TWO, LEGACY_STORAGES, little=FALSE), "big-endian")
    refused(
        legacy(TWO, LEGACY_STORAGES, sizes={"1": 1 << 60}),
        "storage 1: its size 1152921504606846976 disagrees with the state dict",
    )
    refused(legacy(TWO, LEGACY_STORAGES, sizes={"0": -6}), "storage 0: its size -6 disagrees with the state dict")
    refused(legacy(TWO, LEGACY_STORAGES, keys=b"](" + string("0") + b"e"), "disagrees with the state dict")
    refused(legacy(TWO, LEGACY_STORAGES, keys=b"](" + string("0") * 2 + b"e"), "disagrees with the state dict")
    refused(legacy(TWO, LEGACY_STORAGES, keys=b"](" + string("0") + string("1") * 2 + b"e"), "disagrees with the state dict")
    refused(legacy(TWO, LEGACY_STORAGES, keys=string("0")), "list of the storages' keys")
    refused(whole[:-7], "storage 1 ends past the end of the file, by 7 bytes")
    refused(whole[:-18], "storage 1 begins past the end of the file")
    refused(whole[:170], "the pickle is truncated")
    refused(whole + b"!", "1 bytes after the last storage")
    value = entries(EMPTY, a=tensor(storage("0", 1 << 60), 0, (6,), (1,)))
    refused(legacy(value, {"0": (1 << 60, SIX_BYTES)}), "storage 0 ends past the end of the file")


# What is no torch file at all.


def test_other_files(refused, tmp_path):
    with pytest.raises(FileNotFoundError):
        torch_file.read(tmp_path / "none.bin")
    refused(b"", "is empty")
    refused(bytes(range(256)), "neither a zip archive nor a pickle")
    refused(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS")
    refused(b"<!DOCTYPE html><html></html>", "web page")
    refused(b"\x08\0\0\0\0\0\0\0{}      ", "safetensors")
    refused(bytes(257) + b"ustar\0" + bytes(100), "tar archive", "0.1.10")
    refused(pickled(TWO), "without torch's magic number")


@pytest.mark.parametrize(
    "place", ["zip", "zip's _metadata", "bare", "legacy value", "legacy keys", "legacy machine", "legacy magic"]
)
def test_nothing_is_run(refused, tmp_path, place):
    call = name_of("os", "system") + row(string(f"touch {tmp_path}/ran")) + b"R"
    data = {
        "zip": lambda: zipped(entries(EMPTY, a=call), STORAGES),
        "zip's _metadata": lambda: zipped(TWO + entries(b"}", _metadata=call) + b"b", STORAGES),
        "bare": lambda: pickled(call),
        "legacy value": lambda: legacy(call, LEGACY_STORAGES),
        "legacy keys": lambda: legacy(TWO, LEGACY_STORAGES, keys=call),
        "legacy machine": lambda: legacy(TWO, LEGACY_STORAGES, little=call),
        "legacy magic": lambda: pickled(call) + legacy(TWO, LEGACY_STORAGES),
    }[place]
    refused(data(), "refuses the global os.system", "executes nothing")
