"""Read weights that are split over several files, with an index that maps tensors to files."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from albert_np.io.files import IncompleteFolder, read_json

MAX_NAME_BYTES = 255  # bytes, on every file system in use


def read_shards(index: Path, read_one: Callable[[Path], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the tensors of all files in an index ("weight_map": {name: file beside the index}), each read by `read_one`.

    Raises ValueError if the index is damaged, a file name is not a plain one, or a file lacks a tensor; FileNotFoundError if a
    file is missing.
    """
    values = read_json(index)
    weight_map = values.get("weight_map") if isinstance(values, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{index} lacks weight_map, the map from tensors to files")
    tensors: dict[str, np.ndarray] = {}
    if odd := [file for file in weight_map.values() if not isinstance(file, str) or len(os.fsencode(file)) > MAX_NAME_BYTES]:
        raise ValueError(f"{index} names the file {str(odd[0])[:MAX_NAME_BYTES]!r}: shard names must be plain file names")
    for file in dict.fromkeys(weight_map.values()):
        if file in ("", ".", "..") or Path(file).name != file or "\\" in file:
            raise ValueError(f"{index} names the file {file!r}: shard names must be plain file names")
        if not (index.parent / file).is_file():
            raise IncompleteFolder(f"shard {file} is missing: {index} names it, and it is not beside it")
        shard = read_one(index.parent / file)
        wanted = [name for name, where in weight_map.items() if where == file]
        lost = [name for name in wanted if name not in shard]
        if lost:
            raise ValueError(f"shard {file} does not hold {lost[0]}, although {index.name} says so ({len(lost)} such tensors)")
        surplus = [name for name in shard if name not in wanted]
        if surplus:
            reason = f"which {index.name} does not place there"
            warnings.warn(f"shard {file} also holds {surplus[0]}, {reason}: left out ({len(surplus)} tensors)", stacklevel=2)
        tensors |= {name: shard[name] for name in wanted}
    return tensors
