"""Reading and writing files: checkpoints of every format, configs, archives, the hub. It imports `core` and nothing above it.

files               atomic writes, strict JSON, hashes          file_types    detect files of the wrong type
sources/            paths, .tar.gz archives and names on the hub -> a local folder
config_files        find and interpret config.json and albert_config.json
model_config        the interface of a config; the caller passes the class, such as `models.AlbertConfig`
locate              find the weights in a folder, and their format
formats/            readers of weight files, independent of ALBERT
names               the table of tensor names: ours | Hugging Face's | Google's
fit                 match a file's tensors with a config; what does not fit, and the likely cause
load, save          files -> config and parameters, and back    onnx          write an ONNX graph
packed_checkpoint   write weights with masks, int8 and int4     matrices      the tensors that are compressed
protobuf            the wire format, for SentencePiece models and TensorFlow indices
"""

import os
from pathlib import Path

import numpy as np


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return {name: array} of a file of weights, or of the weights in a folder, under the file's own names and in its layout.

    All formats are supported: .safetensors, .bin / .pth, .npz, TensorFlow's checkpoints, and several files with an index. Arrays
    may be read-only views of the file; bfloat16 is converted to float32. Raises ValueError that names what is damaged.
    """
    from albert_np.io.locate import locate

    return locate(Path(path)).read()
