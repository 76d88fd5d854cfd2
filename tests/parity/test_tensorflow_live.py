"""Checkpoints between us and an installed TensorFlow: what it writes we read, what we write it reads, to the byte."""

import os
from itertools import pairwise

import numpy as np
import pytest

from albert_np.io.formats import table
from albert_np.io.formats import tensorflow as ours

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on
tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: no live checkpoints")


def save(prefix, rows):
    """rows: (name, shape and slice or "", values), as TensorFlow's own op takes them."""
    names, slices, values = zip(*rows)
    tensors = [tf.constant(value) if isinstance(value, np.ndarray) else value for value in values]
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=slices, tensors=tensors)


def test_what_we_write_tensorflow_reads(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {dtype: (rng.standard_normal((37, 5)) * 50).astype(dtype) for dtype in "f4 f8 f2 i4 i8 u1 i1 i2 ?".split()}
    tensors |= {"empty": np.zeros((0, 3), np.float32), "scalar": np.array(7), "strided": np.arange(90.0)[::-7]}
    ours.write(tmp_path / "m", tensors)
    reader = tf.train.load_checkpoint(str(tmp_path / "m"))
    assert set(reader.get_variable_to_shape_map()) == set(tensors)
    for name, array in tensors.items():
        theirs = reader.get_tensor(name)
        assert np.asarray(theirs).dtype == array.dtype and np.array_equal(theirs, array), name


def test_an_index_of_several_blocks_is_equal_to_the_byte(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(f"layer_{rng.integers(500)}/{'x' * rng.integers(60)}{i}", "", rng.standard_normal(3)) for i in range(12_000)]
    save(tmp_path / "theirs", sorted(rows))
    tensors = ours.read(tmp_path / "theirs")
    assert all(np.array_equal(tensors[name], value) for name, _, value in rows)
    ours.write(tmp_path / "ours", tensors)
    for suffix in (".index", ".data-00000-of-00001"):
        theirs = (tmp_path / f"theirs{suffix}").read_bytes()
        assert (tmp_path / f"ours{suffix}").read_bytes() == theirs
    assert len((tmp_path / "ours.index").read_bytes()) > table.BLOCK_BYTES


def test_slices_at_any_distance(tmp_path):
    values = np.random.default_rng(2).standard_normal((10_000, 3)).astype(np.float32)
    cuts = [0, 50, 63, 64, 127, 8191, 8192, 8300, 10_000]
    rows = [("w", f"10000 3 {a},{b - a}:-", values[a:b]) for a, b in pairwise(cuts)]
    save(tmp_path / "m", [*rows, ("text", "", tf.constant(["a", "bcd"])), ("n", "", np.arange(3))])
    tensors = ours.read(tmp_path / "m")
    assert list(tensors) == ["n", "w"]
    assert np.array_equal(tensors["w"], values)


def test_bfloat16(tmp_path):
    values = tf.cast(tf.random.normal((99,)), tf.bfloat16)
    save(tmp_path / "m", [("b", "", values)])
    assert np.array_equal(ours.read(tmp_path / "m")["b"], tf.cast(values, tf.float32).numpy())
