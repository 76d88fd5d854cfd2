"""Read and write .safetensors: a length (8 bytes), a header (JSON: name -> dtype, shape, begin and end), and the numbers.

Where the safetensors library is installed, it opens and checks every file, too. The checks here come first because they give
clearer messages and refuse a few things that the library accepts (repeated names, a header that begins with a space). Arrays
are views of the memory-mapped file; nothing is copied. The library also writes the files; without it `_write` does, the same
bytes.

Format: https://github.com/huggingface/safetensors (README, "Format").
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.io import file_types
from albert_np.io.files import map_file, parse_json
from albert_np.io.formats import packed
from albert_np.io.formats.bfloat16 import from_bfloat16

MAX_HEADER_BYTES = 100_000_000  # the library's own limit
DTYPES = {
    "BOOL": "?", "U8": "<u1", "I8": "<i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "BF16": "<u2", "I32": "<i4", "U32": "<u4",
    "F32": "<f4", "F64": "<f8", "I64": "<i8", "U64": "<u8",
}  # fmt: skip  # in the library's order


def read(path: Path) -> dict[str, np.ndarray]:
    """Return {name: array}, read-only views of the mapped file in its own dtypes; bfloat16 is converted to float32, and packed
    tensors (packed.py) are unpacked.

    Raises ValueError, which names the file and the tensor, if it is not a safetensors file or is damaged.
    """
    path = Path(path)
    with open(path, "rb") as file:
        head = file.read(512)
        file_types.check_type(path, head, expected="a safetensors file")
    data, size = map_file(path), path.stat().st_size
    try:
        entries, metadata, start = _header(data, size)
        arrays = {name: _array(name, entry, data, start) for name, entry in entries.items()}
        _check_cover(entries, size - start)
        _check_by_library(path)
        if metadata.get("format") == packed.FORMAT:
            arrays = packed.unpack(arrays, metadata)
        else:  # save_model stores shared tensors once, and here the other names: {name: that of the stored tensor}
            arrays |= {name: arrays[stored] for name, stored in metadata.items() if stored in arrays and name not in arrays}
    except ValueError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    return arrays


def _check_by_library(path: Path) -> None:
    """Raise ValueError for a file that the safetensors library, where it is installed, does not open."""
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError:
        return
    try:
        with safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays of any of DTYPES except bfloat16. OSError if the file cannot be written, as on a full disk."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import save_file
    except ModuleNotFoundError:
        _write(path, arrays, metadata)
        return
    try:
        save_file(dict(arrays), path, metadata=None if metadata is None else dict(metadata))
    except SafetensorError as error:
        raise OSError(str(error)) from error


def _write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None) -> None:
    """Write a file as the library does: the tensors of the widest numbers first, those of one dtype by name."""
    codes = {np.dtype(numpy): code for code, numpy in DTYPES.items() if code != "BF16"}
    order = list(DTYPES)
    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in codes:
            raise ValueError(f"{name!r} has the dtype {array.dtype}, which safetensors files do not have")
    dtypes = {name: array.dtype.newbyteorder("<") for name, array in arrays.items()}
    names = sorted(arrays, key=lambda name: (-order.index(codes[dtypes[name]]), name))
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        begin, end = end, end + arrays[name].nbytes
        header[name] = {"dtype": codes[dtypes[name]], "shape": list(arrays[name].shape), "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            file.write(np.ascontiguousarray(arrays[name], dtypes[name]).data)


def _header(data: Any, size: int) -> tuple[dict[str, Any], dict[str, str], int]:
    """Return the entries of the tensors, the metadata, and where the numbers begin."""
    if size < 8:
        raise ValueError(f"it has {size} bytes, and the header's length alone takes 8")
    length = int.from_bytes(data[:8], "little")
    if length > size - 8:
        raise ValueError(
            f"the header says that it has {length} bytes, but {size - 8} are left: header length exceeds the file size"
        )
    if not 0 < length <= MAX_HEADER_BYTES:
        raise ValueError(f"the header has {length} bytes; from 1 to {MAX_HEADER_BYTES} are allowed")
    if data[8:9] != b"{":
        raise ValueError(f"the header must start with {{, not with {bytes(data[8:9])!r}")
    try:
        header = parse_json(data[8 : 8 + length])
    except ValueError as error:
        raise ValueError(f"the header is not valid JSON: {error}") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("__metadata__ must map strings to strings")
    return header, metadata, 8 + length


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _array(name: str, entry: Any, data: Any, start: int) -> np.ndarray:
    """Return one tensor as a view of the file."""
    if not isinstance(entry, dict):
        raise ValueError(f"the entry of {name!r} must be an object, not {entry!r}")
    for key in ("dtype", "shape", "data_offsets"):
        if key not in entry:
            raise ValueError(f"tensor {name!r} lacks {key}")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise ValueError(f"the dtype {code!r} of {name!r} is unknown or not supported; supported are {', '.join(DTYPES)}")
    if not _are_sizes(shape) or len(shape) > 32:
        raise ValueError(f"the shape of {name!r} must be a list of non-negative integers, not {shape!r}")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"data_offsets of {name!r} must be two non-negative integers, not {offsets!r}")
    begin, end = offsets
    dtype = np.dtype(DTYPES[code])
    if begin > end:
        raise ValueError(f"tensor {name!r} begins at {begin} and ends before, at {end}")
    if end > len(data) - start:
        raise ValueError(f"tensor {name!r} ends past the end of the file: at {end} of {len(data) - start} bytes")
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"shape {shape}, dtype {code} and byte length {end - begin} of {name!r} disagree")
    array = np.frombuffer(data, dtype, math.prod(shape), start + begin).reshape(shape) if end > begin else np.zeros(shape, dtype)
    return from_bfloat16(array) if code == "BF16" else array


def _check_cover(entries: dict[str, Any], size: int) -> None:
    """Raise ValueError unless the tensors cover the data section exactly, without overlaps or gaps."""
    end_before, before = 0, ""
    for begin, end, name in sorted((*entry["data_offsets"], name) for name, entry in entries.items()):
        if begin < end_before and begin < end:
            raise ValueError(f"the tensors {before!r} and {name!r} overlap")
        if begin > end_before:
            raise ValueError(f"there is a hole of {begin - end_before} bytes before tensor {name!r}")
        end_before, before = max(end_before, end), name
    if end_before != size:
        raise ValueError(f"{size - end_before} bytes after the last tensor belong to no tensor")
