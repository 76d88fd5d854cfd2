"""Safetensors files: every dtype, every kind of damage, several files with an index, and any byte changed."""

import json
import struct

import numpy as np
import pytest
from helpers import mutated, save_file
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from albert_np.io import read
from albert_np.io.files import IncompleteFolder
from albert_np.io.formats import safetensors_file

A, B = np.arange(6, dtype="<f4").reshape(2, 3), np.arange(1, 5, dtype="<f4")
HEADER = {
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "F32", "shape": [4], "data_offsets": [24, 40]},
}
DATA = A.tobytes() + B.tobytes()


def packed(header, data=DATA, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


@pytest.fixture
def file(tmp_path):
    return tmp_path / "some.safetensors"


def changed(name, **values):
    return {**HEADER, name: {**HEADER[name], **values}}


def test_every_dtype_keeps_its_numbers(file):
    rng = np.random.default_rng(0)
    tensors = {
        f"t/{kind}": rng.integers(0, 2, (3, 4)).astype(kind) for kind in ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")
    }
    tensors |= {kind: rng.standard_normal((2, 5)).astype(kind) for kind in ("f2", "f4", "f8")}
    tensors |= {"": np.zeros((0, 3), "f4"), "scalar": np.array(2.5)}
    save_file(tensors, file)
    found = read(file)
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert np.array_equal(found[name], array)


def test_bfloat16_comes_as_float32(file):
    values = np.array([1, -2.5, 3.140625, 2.0**-133, np.inf], "<f4")
    file.write_bytes(
        packed(
            {"w": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]}}, (values.view("<u4") >> 16).astype("<u2").tobytes()
        )
    )
    assert read(file)["w"].dtype == np.float32
    assert np.array_equal(read(file)["w"], values)


def test_an_order_of_names_and_an_odd_header_length_do_not_matter(file):
    file.write_bytes(packed({"b": HEADER["b"], "a": HEADER["a"]}))
    assert np.array_equal(read(file)["a"], A)
    for blanks in range(8):
        file.write_bytes(packed(json.dumps(HEADER).encode() + b" " * blanks))
        assert np.array_equal(read(file)["b"], B)


DAMAGE = {
    "empty": (b"", "0 bytes"),
    "three bytes": (b"abc", "takes 8"),
    "cut in the header": (packed(HEADER)[:60], "exceeds the file size"),
    "cut in the data": (packed(HEADER)[:-1], "'b' ends past the end"),
    "longer": (packed(HEADER) + b"1234", "belong to no tensor"),
    "huge header": (packed(HEADER, length=2**63 - 1), "exceeds the file size"),
    "no header": (packed(b""), "0 bytes"),
    "no JSON": (packed(b"{words}"), "not valid JSON"),
    "not UTF-8": (packed(b'{"\xff": 1}'), "must be UTF-8"),
    "a blank first": (packed(b" " + json.dumps(HEADER).encode()), "must start with"),
    "nested": (packed(b'{"a":' + b"[" * 20000 + b"]" * 20000 + b"}"), "nested too deep"),
    "a name twice": (packed(b'{"a": {}, "a": {}}'), "'a' occurs twice"),
    "no dtype": (packed({"a": {"shape": [], "data_offsets": [0, 4]}}), "lacks dtype"),
    "unknown dtype": (packed(changed("a", dtype="F31")), "'F31'"),
    "fp8": (packed(changed("a", dtype="F8_E4M3", shape=[24])), "'F8_E4M3'"),
    "shape -1": (packed(changed("a", shape=[-1, 3])), "non-negative integers"),
    "shape of booleans": (packed(changed("a", shape=[True, 6])), "non-negative integers"),
    "shape overflows": (packed(changed("a", shape=[6, 2**63, 2])), "disagree"),
    "reversed": (packed(changed("b", data_offsets=[40, 24])), "ends before"),
    "negative": (packed(changed("b", data_offsets=[-16, 0])), "non-negative integers"),
    "overlap": (packed(changed("b", data_offsets=[8, 24])), "overlap"),
    "hole": (packed(changed("b", data_offsets=[28, 44]), DATA + b"1234"), "hole of 4 bytes"),
    "metadata": (packed({**HEADER, "__metadata__": {"a": 1}}), "strings to strings"),
    "null": (packed({**HEADER, "a": None}), "must be an object"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
    "HTML": (b"<!DOCTYPE html><html>not found</html>", "web page"),
    "a zip": (b"PK\x03\x04" + b"0" * 50, "zip archive"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(file, kind):
    data, said = DAMAGE[kind]
    file.write_bytes(data)
    with pytest.raises(ValueError, match=said) as error:
        read(file)
    assert str(file) in str(error.value)


@given(at=st.integers(0, 400), change=st.sampled_from(["flip", "cut", "insert"]), value=st.integers(1, 255))
def test_any_byte_may_be_wrong(tmp_path_factory, at, change, value):
    """A clean error or tensors of plausible shapes: the format has no checksum, so a flipped number goes unnoticed."""
    file, whole = tmp_path_factory.mktemp("st") / "x.safetensors", packed(HEADER)
    file.write_bytes(mutated(whole, at, change, value))
    try:
        found = read(file)
    except ValueError as error:
        assert str(file) in str(error)
        return
    assert sum(array.nbytes for array in found.values()) <= 40
    if change == "flip" and at % len(whole) >= len(whole) - 40:
        assert found["a"].shape == (2, 3) and found["b"].shape == (4,)


# ---- several files ----


@pytest.fixture
def shards(tmp_path):
    save_file({"a": A}, tmp_path / "model-1.safetensors")
    save_file({"b": B}, tmp_path / "model-2.safetensors")
    index = tmp_path / "model.safetensors.index.json"

    def write(**places):
        index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
        return index

    return write


def test_shards(shards):
    found = read(shards(a="model-1.safetensors", b="model-2.safetensors"))
    assert np.array_equal(found["a"], A) and np.array_equal(found["b"], B)


def test_shards_that_do_not_hold_what_the_index_says(shards, tmp_path):
    with pytest.raises(IncompleteFolder, match=r"shard model-3\.safetensors is missing"):
        read(shards(a="model-1.safetensors", b="model-3.safetensors"))
    with pytest.raises(ValueError, match=r"model-1\.safetensors does not hold b"):
        read(shards(a="model-1.safetensors", b="model-1.safetensors"))
    for name in ("../model-1.safetensors", "/etc/passwd", "..", "", 3, [], "a" * 300, "sub\\model"):
        with pytest.raises(ValueError, match="plain file names"):
            read(shards(a=name))
    save_file({"a": A, "b": B + 1}, tmp_path / "model-1.safetensors")
    with pytest.warns(UserWarning, match="also holds b"):
        assert np.array_equal(read(shards(a="model-1.safetensors", b="model-2.safetensors"))["b"], B)
    with pytest.raises(ValueError, match="lacks weight_map"):
        read(shards())


# ---- writing, and reading without the library ----

KINDS = st.sampled_from("? u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8 >f4 >i8".split())
ARRAYS = KINDS.flatmap(
    lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@given(
    tensors=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), ARRAYS, max_size=6),
    metadata=st.none()
    | st.dictionaries(st.just("format"), st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1),
)
def test_the_own_writer_writes_the_bytes_of_the_library(tmp_path_factory, tensors, metadata):
    save = pytest.importorskip("safetensors.numpy").save
    tensors.pop("__metadata__", None)
    path = tmp_path_factory.mktemp("own") / "some.safetensors"
    safetensors_file._write(path, tensors, metadata)
    assert path.read_bytes() == save(tensors, metadata)


def test_a_transposed_array_is_written_in_its_order(file):
    save = pytest.importorskip("safetensors.numpy").save
    tensors = {"t": np.arange(6.0).reshape(2, 3).T, "s": np.arange(12)[::3]}
    safetensors_file._write(file, tensors, None)
    assert file.read_bytes() == save({name: np.ascontiguousarray(array) for name, array in tensors.items()})


def test_without_the_library_files_are_written_and_read(file, monkeypatch):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    safetensors_file.write(file, {"a": A, "b": B}, {"format": "pt"})
    found = read(file)
    assert list(found) == ["a", "b"] and np.array_equal(found["a"], A) and np.array_equal(found["b"], B)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="ends past the end of the file"):
        read(file)
    with pytest.raises(ValueError, match="'c' has the dtype complex64"):
        safetensors_file.write(file, {"c": np.zeros(2, np.complex64)})


def test_a_file_that_cannot_be_written_is_an_oserror(tmp_path):
    with pytest.raises(OSError):
        safetensors_file.write(tmp_path / "none" / "some.safetensors", {"a": A})


def test_where_files_cannot_be_mapped_they_are_read(file, monkeypatch):
    save_file({"a": A}, file)

    def refuse(*_, **__):
        raise OSError("this file system has no memory maps")

    monkeypatch.setattr("mmap.mmap", refuse)
    assert np.array_equal(read(file)["a"], A)
