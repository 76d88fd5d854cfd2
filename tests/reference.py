"""Numbers that transformers computed, whole or trimmed, and how they are compared with ours.

    python tests/reference.py FOLDER_WITH_EXPECTED_NPZ OUT_FOLDER        trims: config.json, model.safetensors, expected.npz

A trimmed array of more than MOST numbers is kept as every k-th of them, its largest value and its 2-norm, so a wrong number
shows wherever it stands.
"""

import shutil
import sys
from pathlib import Path

import numpy as np

MOST = 300


def stride(size):
    return -(-size // MOST) | 1  # odd: no column of a matrix with an even width is left out


class Reference:
    def __init__(self, file):
        self.arrays = np.load(file)

    def __getitem__(self, name):
        return self.arrays[name]

    def names(self, prefix):
        return sorted({name.removeprefix(prefix).split("@")[0] for name in self.arrays.files if name.startswith(prefix)})

    def check(self, ours, name, within=1e-9, rows=None, absolute=False):
        """Within `within` of the tensor's largest value. rows: a mask of the leading axes, the others are not looked at."""
        ours = np.asarray(ours, np.float64)
        if name in self.arrays.files:
            theirs = self.arrays[name].astype(np.float64)
            assert ours.shape == theirs.shape, (name, ours.shape, theirs.shape)
            scale = 1.0 if absolute else np.abs(theirs).max()
            ours, theirs = (ours, theirs) if rows is None else (ours[rows], theirs[rows])
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=within * scale, err_msg=name)
            return
        shape, scale = tuple(self.arrays[name + "@shape"]), 1.0 if absolute else self.arrays[name + "@largest"]
        assert ours.shape == shape, (name, ours.shape, shape)
        step, kept = stride(ours.size), np.ones(ours.shape, bool)
        if rows is not None:
            kept[~rows] = False
        picked = kept.reshape(-1)[::step]
        theirs = self.arrays[name + "@sample"]
        np.testing.assert_allclose(ours.reshape(-1)[::step][picked], theirs[picked], rtol=0, atol=within * scale, err_msg=name)
        if rows is None:
            norm = self.arrays[name + "@norm"]
            np.testing.assert_allclose(np.linalg.norm(ours), norm, rtol=within, atol=1e-14, err_msg=name)


def trimmed(arrays):
    out = {}
    for name in arrays.files:
        array = arrays[name]
        if name.startswith(("inner_", "embeddings", "head_transform")):
            continue  # not to be had from outside
        if array.size <= MOST or array.dtype.kind != "f":
            out[name] = array
            continue
        out[name + "@shape"] = np.array(array.shape)
        out[name + "@sample"] = array.reshape(-1)[:: stride(array.size)]
        out[name + "@largest"] = np.abs(array).max()
        out[name + "@norm"] = np.linalg.norm(array.astype(np.float64))
    return out


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "model.safetensors"):
        shutil.copyfile(source / file, target / file)
    np.savez_compressed(target / "expected.npz", **trimmed(np.load(source / "expected.npz")))
