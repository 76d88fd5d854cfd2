"""Weights in files.

names      one table: ours | Hugging Face's | Google's | who stores the transpose
formats/   readers of the files, which know nothing of ALBERT
locate     where in a folder the weights are, and in which format
fit        whether a file's tensors are what a config asks for, and the likely cause if not
load       files -> config and parameters        save     the other way        convert  one into the other
"""

import os
from pathlib import Path

import numpy as np


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """{name: array} of a file of weights, or of the weights that a folder holds, under the file's own names and in its layout.

    Any of the formats: .safetensors, .bin / .pth, .npz, TensorFlow's checkpoints, and several files with an index. Arrays may be
    read-only views of the file; bfloat16 comes as float32. ValueError names what is damaged.
    """
    from albert_np.io.locate import locate

    return locate(Path(path)).read()
