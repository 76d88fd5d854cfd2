"""NumPy's archives: what is written is read; Python objects, bombs and damage are refused."""

import io
import zipfile

import numpy as np
import pytest
from helpers import mutated
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.io import read

A = np.arange(6, dtype="f4").reshape(2, 3)


def archive(**tensors):
    buffer = io.BytesIO()
    np.savez(buffer, **tensors)
    return buffer.getvalue()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.npz"


def test_what_is_written_is_read(file):
    file.write_bytes(archive(a=A, **{"b.weight": A.T.astype("f2"), "empty": A[:0], "scalar": np.array(2.5)}))
    found = read(file)
    assert list(found) == ["a", "b.weight", "empty", "scalar"]
    assert np.array_equal(found["b.weight"], A.T) and found["b.weight"].dtype == np.float16
    assert found["scalar"] == 2.5 and found["empty"].shape == (0, 3)


def test_what_is_refused(file):
    for data, said in (
        (b"", "0 bytes"),
        (b"<html>", "web page"),
        (archive(a=np.array([{}], object)), "allow_pickle"),
        (archive(a=A)[:-30], "not a whole .npz file"),
        (b"12345678", "not a whole .npz file"),
    ):
        file.write_bytes(data)
        with pytest.raises(ValueError, match=said):
            read(file)


def test_a_bomb_is_refused_before_it_is_unpacked(file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.npy", bytes(50_000_000))
    with pytest.raises(ValueError, match="claims 50000000 bytes"):
        read(file)


def test_two_members_of_one_name_are_refused(file):
    with zipfile.ZipFile(file, "w") as made, pytest.warns(UserWarning, match="Duplicate name"):
        for _ in range(2):
            made.writestr("a.npy", b"")
    with pytest.raises(ValueError, match="two members"):
        read(file)


def test_a_shape_that_claims_more_than_there_is(file):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))
    with pytest.raises(ValueError, match="not a whole"):
        read(file)


@settings(max_examples=300)
@given(at=st.integers(0, 2000), change=st.sampled_from(["flip", "cut", "insert"]), value=st.integers(1, 255))
def test_any_byte_may_be_wrong(tmp_path_factory, at, change, value):
    """A clean error, or the right tensors: zip has a checksum."""
    file = tmp_path_factory.mktemp("npz") / "x.npz"
    file.write_bytes(mutated(archive(a=A, b=A[0]), at, change, value))
    try:
        found = read(file)
    except ValueError as error:
        assert str(file) in str(error)
        return
    for array in found.values():  # a name may have changed, it stands outside of the checksum
        assert np.array_equal(array, A) or np.array_equal(array, A[0])
