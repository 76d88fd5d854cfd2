"""A collection of damaged files, each with what a good loader does: files of one model, and of several files with an index.

The other kinds are with the tests of their readers. The collection is in the folder that ALBERT_NP_DATA names.
"""

import json
import os
import shutil
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab
from albert_np.io import read

DATA = os.environ.get("ALBERT_NP_DATA")
FOLDER = Path(DATA or "") / "weights" / "malformed"


def rows():
    if DATA is None:
        yield pytest.param({}, marks=pytest.mark.skip(reason="ALBERT_NP_DATA is not set: no damaged files"))
        return
    for row in json.loads((FOLDER / "manifest.json").read_text())["files"]:
        kind = row["file"].split("/")[0]
        a_model = kind in ("model", "sharded") or "/model_" in row["file"] or "real_" in row["file"] or "points_" in row["file"]
        if row["expect"] != "part" and (a_model or kind == "safetensors"):
            yield pytest.param(row, id=row["file"])


def loaded(row, folder):
    """Load the file as a model where it is one, else as tensors."""
    file = FOLDER / row["file"]
    if file.parent.name == "safetensors":
        return read(file)
    if file.parent.name == "model":
        shutil.copyfile(file, folder / "model.safetensors")
    else:
        shutil.copytree(file.parent, folder, dirs_exist_ok=True)
        folder.chmod(0o700)  # the data may be read-only
    shutil.copyfile(FOLDER / "good" / "config.json", folder / "config.json")
    bare = "without_albert_prefix" in row["file"]
    return (ab.AlbertModel if bare else ab.AlbertForPreTraining).from_pretrained(folder)


@pytest.mark.parametrize("row", list(rows()))
def test_each_damaged_file(row, tmp_path):
    tracemalloc.start()
    began, error, found = time.process_time(), None, None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = loaded(row, tmp_path)
        except (ValueError, FileNotFoundError) as caught:
            error = str(caught)
    took, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 1 and peak < 4e6
    if row["expect"] == "reject":
        assert error, (row["wrong"], found)
    elif row["expect"] == "warn":
        assert error or said, row["wrong"]
    else:
        assert error is None and not [s for s in said if "tanh form" not in str(s.message)], (
            error,
            [str(s.message) for s in said],
        )
        if isinstance(found, ab.AlbertForPreTraining) and "transposed" not in row["file"]:
            with warnings.catch_warnings():
                shutil.copyfile(FOLDER / "good" / "model.safetensors", tmp_path / "model.safetensors")
                good = ab.AlbertForPreTraining.from_pretrained(tmp_path)
            assert np.allclose(found.params.flat, good.params.flat, rtol=1e-6, atol=0)
