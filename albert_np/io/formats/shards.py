"""Weights that are spread over several files, with an index that says which tensor is in which."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from albert_np.io.files import read_json

LONGEST_NAME = 255  # bytes, on every file system in use


def sharded(index: Path, read_one: Callable[[Path], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The tensors of the files that an index names ("weight_map": name -> file beside the index), each read by `read_one`.

    ValueError: the index is damaged, names no plain file, or a file lacks a tensor that the index puts there.
    FileNotFoundError: a file is missing.
    """
    values = read_json(index)
    places = values.get("weight_map") if isinstance(values, dict) else None
    if not isinstance(places, dict) or not places:
        raise ValueError(f"{index} lacks weight_map, the table of tensors and the files that they are in")
    found: dict[str, np.ndarray] = {}
    if odd := [file for file in places.values() if not isinstance(file, str) or len(os.fsencode(file)) > LONGEST_NAME]:
        raise ValueError(f"{index} names the file {str(odd[0])[:LONGEST_NAME]!r}: shard names must be plain file names")
    for file in dict.fromkeys(places.values()):
        if file in ("", ".", "..") or Path(file).name != file or "\\" in file:
            raise ValueError(f"{index} names the file {file!r}: shard names must be plain file names")
        if not (index.parent / file).is_file():
            raise FileNotFoundError(f"shard {file} is missing: {index} names it, and it is not beside it")
        shard = read_one(index.parent / file)
        wanted = [name for name, place in places.items() if place == file]
        lost = [name for name in wanted if name not in shard]
        if lost:
            raise ValueError(f"shard {file} does not hold {lost[0]}, although {index.name} says so ({len(lost)} such tensors)")
        surplus = [name for name in shard if name not in wanted]
        if surplus:
            where = f"which {index.name} does not place there"
            said = f"shard {file} also holds {surplus[0]}, {where}: left out ({len(surplus)} tensors)"
            warnings.warn(said, stacklevel=2)
        found |= {name: shard[name] for name in wanted}
    return found
