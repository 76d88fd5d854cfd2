"""The reference files of TensorFlow's checkpoints, published forms and damaged ones; in the folder that ALBERT_NP_DATA names."""

import json
import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from test_tensorflow import same

from albert_np.io.formats import tensorflow

DATA = os.environ.get("ALBERT_NP_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="ALBERT_NP_DATA is not set: no reference files to compare with")


def rows():
    if DATA is None:
        return []
    manifest = json.loads((Path(DATA) / "weights" / "malformed" / "manifest.json").read_text())
    return [row for row in manifest["files"] if row["file"].startswith("tf/")]


WORDS = {  # of our message, where the manifest's own words are not in it; None: the tensors are read, the rest is for others
    "index_empty": "has 0 bytes", "index_short": "shorter than a footer", "index_cut": "past the end of the index",
    "block_handle_past_end": "reaches past the end of the index", "block_handle_huge": "reaches past the end of the index",
    "header_two_shards_one_file": "data-00000-of-00002 is missing", "header_shards_huge": "more shards .* than tensors",
    "header_big_endian": "big-endian checkpoints are not supported",
    "data_missing": "data-00000-of-00001 is missing", "offset_past_end": "beta reaches past the end of the data",
    "offset_negative": "offset and size must not be negative", "tensors_overlap": "tensors overlap",
    "size_huge": "size and shape of beta disagree", "dim_huge": "size and shape of alpha disagree",
    "shard_id_out_of_range": "shard 5 of beta does not exist", "keys_out_of_order": "keys must be strictly increasing",
    "is_lfs_pointer": "Git LFS pointer", "checkpoint_points_elsewhere": None, "real_tf2_object": None,
}  # fmt: skip


@needs_data
@pytest.mark.parametrize("row", rows(), ids=lambda row: row["file"].split("/")[1])
def test_the_collection_of_damaged_files(row):
    path = Path(DATA) / "weights" / "malformed" / row["file"]
    name = path.parent.name
    if path.suffix != ".index":
        assert tensorflow.is_v1(path.read_bytes()[:64])
        return
    words = None if name.startswith(("model_", "ok_")) else WORDS.get(name, row["a_good_loader"])
    prefix = path.with_suffix("")
    tracemalloc.start()
    began = time.process_time()
    if words is None:
        tensors = tensorflow.read(prefix)
        assert len(tensors) == int(row["reference_result"].split()[1]) - (name == "real_tf2_object")
    else:
        with pytest.raises((ValueError, FileNotFoundError), match=words) as error:
            tensorflow.read(prefix)
        assert "model.ckpt" in str(error.value)
    assert time.process_time() - began < 1
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def checkpoints():
    return sorted((Path(DATA) / "weights" / "tf1").iterdir()) if DATA else []


@needs_data
@pytest.mark.parametrize("folder", checkpoints(), ids=lambda folder: folder.name)
def test_published_forms_are_read_exactly_and_written_as_they_were(folder, tmp_path):
    (index,) = folder.glob("*.index")
    prefix = index.with_suffix("")
    tensors = tensorflow.read(prefix)
    with np.load(folder / "expected.npz") as expected:
        assert same(tensors, {key.removeprefix("tensor/"): expected[key] for key in expected.files if key.startswith("tensor/")})
    tensorflow.write(tmp_path / prefix.name, tensors)
    assert same(tensorflow.read(tmp_path / prefix.name), tensors)
    shards = list(folder.glob("*.data-*"))
    if len(shards) == 1 and folder.name != "tiny_partitioned":
        for path in (index, *shards):
            assert (tmp_path / path.name).read_bytes() == path.read_bytes()
