"""Read files of torch.save (.bin, .pth, .pt) without torch, and without executing their pickles.

Both formats (torch_zip, torch_legacy) contain a pickle, which describes the tensors (unpickle, torch_values), and storages: 1-D
arrays of numbers, each under a key. The tensors become read-only views of the memory-mapped file. Two names of one tensor share
their memory, as in torch. Only bfloat16, which NumPy does not have, and big-endian numbers are copied.
"""

import math
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.io import file_types
from albert_np.io.files import map_file
from albert_np.io.formats.torch_legacy import open_legacy
from albert_np.io.formats.torch_values import Find, Pairs, Tensor, describe_type, printable, to_dict
from albert_np.io.formats.torch_zip import open_zip

NESTED = ("state_dict", "model_state_dict", "model")  # keys under which training scripts save the weights, beside other data
PLAIN = (type(None), bool, int, float, str)  # types of values that may occur beside tensors
TENSORS = "a dict of tensors"
MAX_RANK = 64  # NumPy's limit, and torch's


def read(path: Path) -> dict[str, np.ndarray]:
    """Return {name: array} in the file's order, read-only, in the file's dtypes; bfloat16 is converted to float32, exactly.

    Weights under "state_dict", "model_state_dict" or "model" are found, with a warning, and so are values that are not tensors.
    The file must not be truncated or written to while the arrays, which are views of it, are in use.
    Raises ValueError, which names the file, if it is not a torch file, is damaged, or its pickle needs more than tensors.
    """
    path = Path(path)
    with open(path, "rb") as file:
        head = file.read(512)
        file_types.check_type(path, head, expected="a zip archive")
    data = map_file(path)
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
    """Return the tensors by name, and notes for the user on where they were found and which values were ignored."""
    entries, notes = _find_entries(to_dict(value, TENSORS))
    for name, entry in entries.items():
        if type(entry) not in (Tensor, *PLAIN):
            raise ValueError(f"the value of {printable(name)} is {describe_type(entry)}, not a tensor")
    tensors = {name: entry for name, entry in entries.items() if type(entry) is Tensor}
    if not tensors:
        raise ValueError(f"holds no tensors; it has {_list(entries) or 'nothing'}")
    if len(tensors) < len(entries):
        notes.append(f"ignored, as they are not tensors: {_list(entries.keys() - tensors.keys())}")
    return tensors, notes


def _find_entries(entries: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the entries, or, if none is a tensor, those of the nested dict with the weights; and notes for the user."""
    if any(type(entry) is Tensor for entry in entries.values()):
        return entries, []
    nested = [key for key in NESTED if _has_tensors(entries.get(key))]
    if not nested:
        return entries, []
    if len(nested) > 1:
        raise ValueError(f"there are weights under {_list(nested)}: save one of them alone")
    others = _list(entries.keys() - nested)
    note = f"the weights were found under {nested[0]}" + (f"; not used: {others}" if others else "")
    return to_dict(entries[nested[0]], TENSORS), [note]


def _has_tensors(value: Any) -> bool:
    return type(value) is Pairs and any(type(entry) is Tensor for _, entry in value.pairs)


def _list(names: Iterable[str]) -> str:
    """Format names for a message: the first few in alphabetical order."""
    names = sorted(names)
    return ", ".join(printable(name) for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _arrays(tensors: dict[str, Tensor], find: Find) -> dict[str, np.ndarray]:
    """Return the arrays. Each storage is read once, so that tensors with the same storage share memory."""
    for name, tensor in tensors.items():
        _check_bounds(name, tensor)
    storages: dict[str, np.ndarray] = {}
    arrays = {}
    for name, tensor in tensors.items():
        key = tensor.storage.key
        if key not in storages:
            storages[key] = find(tensor.storage)
        arrays[name] = _view(tensor, storages[key])
    return arrays


def _view(tensor: Tensor, data: np.ndarray) -> np.ndarray:
    """Return the tensor as a view of its storage, after its bounds have been checked."""
    if 0 in tensor.size:
        return np.ndarray(tensor.size, data.dtype, data[:0])
    # The stride of a dimension of size 1 is never used and may be anything; 0 is always valid.
    steps = [step * data.itemsize if count > 1 else 0 for count, step in zip(tensor.size, tensor.stride)]
    return np.ndarray(tensor.size, data.dtype, data, tensor.offset * data.itemsize, steps)


def _check_bounds(name: str, tensor: Tensor) -> None:
    """Raise ValueError unless the tensor is inside its storage and not larger than it."""
    label, size, stride, available = f"tensor {printable(name)}", tensor.size, tensor.stride, tensor.storage.numel
    if len(size) != len(stride):
        raise ValueError(f"{label}: size and stride differ in length, {len(size)} and {len(stride)}")
    if len(size) > MAX_RANK:
        raise ValueError(f"{label} has {len(size)} dimensions; at most {MAX_RANK} are allowed")
    if tensor.offset < 0:
        raise ValueError(f"{label}: the offset must not be negative, it is {tensor.offset}")
    for what, numbers in (("sizes", size), ("strides", stride)):
        if min(numbers, default=0) < 0:
            raise ValueError(f"{label}: {what} must not be negative, they are {numbers}")
    if math.prod(max(count, 1) for count in size) >= 1 << 59:
        raise ValueError(f"{label}: its size {size} is larger than memory can be")
    numel = math.prod(size)
    if numel > available:
        raise ValueError(f"{label} needs {numel} numbers, its storage has {available}: it is larger than its storage")
    last = tensor.offset + sum((count - 1) * step for count, step in zip(size, stride))
    if tensor.offset > available or (numel and last >= available):
        raise ValueError(f"{label} reaches past its storage, to number {last} of {available}")
