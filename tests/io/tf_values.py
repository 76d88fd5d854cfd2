"""What TensorFlow 2.21 wrote into fixtures/tf (SaveV2, and MergeV2Checkpoints for `partitioned`)."""

import numpy as np

DTYPES = "float32 float64 float16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128".split()


def dtypes():
    """One tensor of each dtype, and the shapes and names that are special."""
    tensors = {f"of/{dtype}": (np.arange(-7, 8).reshape(3, 5) % 11).astype(dtype) for dtype in DTYPES}
    tensors |= {"scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 7), np.float32), "köln": np.arange(3, dtype=np.int64)}
    return tensors


def partitioned():
    """In two shards: `rows` in three slices, of rows 0, 64 and 190 on, `boxes` in three, cut along both axes, and two more."""
    return {
        "bfloat16": np.array([1.5, -3.0, 0.09375], np.float32),
        "boxes": np.arange(24.0).reshape(4, 6),
        "rows": np.arange(600, dtype=np.float32).reshape(300, 2) / 8,
        "whole": np.arange(4, dtype=np.int64),
    }
