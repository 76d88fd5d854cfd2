"""Reading what torch.save wrote (.bin, .pth, .pt), without torch and without running anything that the file says.

Both of its forms (torch_zip, torch_legacy) hold a pickle, which describes the tensors (unpickle, torch_values), and storages:
rows of numbers, each under a key. Here descriptions become arrays: read-only views of the mapped file. Two names for one
tensor share their memory, as in torch. Only bfloat16, which NumPy lacks, and big-endian numbers are copied.
"""

import math
import mmap
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.io import impostors
from albert_np.io.formats.torch_legacy import open_legacy
from albert_np.io.formats.torch_values import Find, Pairs, Tensor, a_kind, by_name, shown
from albert_np.io.formats.torch_zip import open_zip

NESTED = ("state_dict", "model_state_dict", "model")  # where training scripts keep the weights beside other things
PLAIN = (type(None), bool, int, float, str)  # values that may stand beside tensors
TENSORS = "a dict of tensors"
MAX_RANK = 64  # NumPy's limit, and torch's


def read(path: Path) -> dict[str, np.ndarray]:
    """{name: array} in the file's order, read-only, in the file's own dtypes; bfloat16 comes as float32, which is exact.

    Weights under "state_dict", "model_state_dict" or "model" are found; a warning says so, and names values that are no tensors.
    The file must not be cut short or written to while the arrays are in use: they are views of it.
    ValueError, which names the file: it is no torch file, is damaged, or asks for more than building tensors.
    """
    path = Path(path)
    with open(path, "rb") as file:
        head = file.read(512)
        impostors.check(path, head, own="a zip archive")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        value, find = open_zip(data) if head.startswith(b"PK") else open_legacy(data)
        tensors, notes = _state_dict(value)
        arrays = _arrays(tensors, find)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if notes:
        warnings.warn(f"{path}: {'; '.join(notes)}", stacklevel=2)
    return arrays


def _state_dict(value: Any) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors by name, and what to tell the user about where they were and what stands beside them."""
    entries, notes = _unpacked(by_name(value, TENSORS))
    for name, entry in entries.items():
        if type(entry) not in (Tensor, *PLAIN):
            raise ValueError(f"the value of {shown(name)} is {a_kind(entry)}, not a tensor")
    tensors = {name: entry for name, entry in entries.items() if type(entry) is Tensor}
    if not tensors:
        raise ValueError(f"holds no tensors; it has {_list(entries) or 'nothing'}")
    if len(tensors) < len(entries):
        notes.append(f"ignored, as they are no tensors: {_list(entries.keys() - tensors.keys())}")
    return tensors, notes


def _unpacked(entries: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The same entries, or, if none is a tensor, those of the dict in which a training script put the weights; what to tell."""
    if any(type(entry) is Tensor for entry in entries.values()):
        return entries, []
    nested = [key for key in NESTED if _has_tensors(entries.get(key))]
    if not nested:
        return entries, []
    if len(nested) > 1:
        raise ValueError(f"there are weights under {_list(nested)}: save one of them alone")
    others = _list(entries.keys() - nested)
    note = f"the weights were found under {nested[0]}" + (f"; not used: {others}" if others else "")
    return by_name(entries[nested[0]], TENSORS), [note]


def _has_tensors(value: Any) -> bool:
    return type(value) is Pairs and any(type(entry) is Tensor for _, entry in value.pairs)


def _list(names: Iterable[str]) -> str:
    """Some names for a message, the first few in alphabetical order."""
    names = sorted(names)
    return ", ".join(shown(name) for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _arrays(tensors: dict[str, Tensor], find: Find) -> dict[str, np.ndarray]:
    """The arrays; each storage is looked up once, so that tensors that share one go on sharing it."""
    for name, tensor in tensors.items():
        _check_bounds(name, tensor)
    rows: dict[str, np.ndarray] = {}
    arrays = {}
    for name, tensor in tensors.items():
        key = tensor.storage.key
        if key not in rows:
            rows[key] = find(tensor.storage)
        arrays[name] = _view(tensor, rows[key])
    return arrays


def _view(tensor: Tensor, row: np.ndarray) -> np.ndarray:
    """The tensor as a view of its storage's numbers, once its bounds have been checked."""
    if 0 in tensor.size:
        return np.ndarray(tensor.size, row.dtype, row[:0])
    # The stride of a dimension of one is never taken, so it may be anything; 0 always fits.
    steps = [step * row.itemsize if count > 1 else 0 for count, step in zip(tensor.size, tensor.stride)]
    return np.ndarray(tensor.size, row.dtype, row, tensor.offset * row.itemsize, steps)


def _check_bounds(name: str, tensor: Tensor) -> None:
    """ValueError unless every number of the tensor lies in its storage, and it is no larger than that."""
    at, size, stride, there = f"tensor {shown(name)}", tensor.size, tensor.stride, tensor.storage.numel
    if len(size) != len(stride):
        raise ValueError(f"{at}: size and stride differ in length, {len(size)} and {len(stride)}")
    if len(size) > MAX_RANK:
        raise ValueError(f"{at} has {len(size)} dimensions; at most {MAX_RANK} are allowed")
    if tensor.offset < 0:
        raise ValueError(f"{at}: the offset must not be negative, it is {tensor.offset}")
    for what, numbers in (("sizes", size), ("strides", stride)):
        if min(numbers, default=0) < 0:
            raise ValueError(f"{at}: {what} must not be negative, they are {numbers}")
    if math.prod(max(count, 1) for count in size) >= 1 << 59:
        raise ValueError(f"{at}: its size {size} is larger than memory can be")
    numel = math.prod(size)
    if numel > there:
        raise ValueError(f"{at} needs {numel} numbers, its storage has {there}: it is larger than its storage")
    last = tensor.offset + sum((count - 1) * step for count, step in zip(size, stride))
    if tensor.offset > there or (numel and last >= there):
        raise ValueError(f"{at} reaches past its storage, to number {last} of {there}")
