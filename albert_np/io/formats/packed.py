"""Packed safetensors: tensors stored as a bit mask with the nonzero values, as integers with scales, or both.

    NAME            a tensor; for a packed one its values (with a mask, the nonzero ones) as a 1-D array: float32, float16, uint16
                    (the bits of bfloat16), int8, or uint8 with two 4-bit values each, the first in the lower half, offset by 8.
                    The shape differs from the tensor's, so that programs without this extension refuse the file
    NAME.mask       uint8: one bit per value, the first in the highest bit; 1 where the value is not 0
    NAME.steps      (R, G) float32, or uint16 (bfloat16): the scales of the integers, one for each of G groups of inputs of a row

The file's metadata is {"format": "albert_np", "packed": JSON} with JSON = {NAME: {"shape": [...], "bits": 8, "group": 0, "mask":
true}}; 32 and 16 bits are floating-point numbers. Names and layout are HF's, so a row is an output.
"""

import json
import math
from typing import Any

import numpy as np

from albert_np.io.files import parse_json
from albert_np.io.formats.bfloat16 import from_bfloat16

FORMAT = "albert_np"
VALUES, MASK, SCALES = SUFFIXES = "", ".mask", ".steps"


def pack(values: np.ndarray, bits: int, mask: bool, scales: np.ndarray | None = None, group: int = 0) -> tuple[dict, dict]:
    """Pack a tensor: return ({suffix: array}, its description for the metadata).

    values: floats, uint16 (bfloat16), or int8 (from -7 to 7 for 4 bits); scales (R, G) for integers
    """
    flat, entries = np.ascontiguousarray(values).reshape(-1), {}
    if mask:
        entries[MASK] = np.packbits(flat != 0)
        flat = flat[flat != 0]
    entries[VALUES] = pack_nibbles(flat) if bits == 4 else flat
    if scales is not None:
        entries[SCALES] = scales
    return entries, {"shape": list(values.shape), "bits": bits, "group": group, "mask": mask}


def pack_nibbles(integers: np.ndarray) -> np.ndarray:
    """Pack int8 from -8 to 7, two per byte."""
    nibbles = (integers + 8).astype(np.uint8)
    if len(nibbles) % 2:
        nibbles = np.append(nibbles, np.uint8(8))
    return nibbles[::2] | nibbles[1::2] << 4


def unpack_nibbles(packed: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` values as int8: the inverse of `pack_nibbles`."""
    return (np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)[:count].astype(np.int8) - 8).astype(np.int8)


def unpack(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> dict[str, np.ndarray]:
    """Return {name: array} for a packed file's entries, in floating point. ValueError if entries and description disagree."""
    try:
        described = parse_json(metadata.get("packed", "").encode())
    except ValueError as error:
        raise ValueError(f"the description of its packed tensors is not JSON: {error}") from None
    packed = {name + suffix for name in described for suffix in SUFFIXES}
    tensors = {name: array for name, array in arrays.items() if name not in packed}
    for name, description in described.items():
        tensors[name] = _unpack_tensor(name, description, {suffix: arrays.get(name + suffix) for suffix in SUFFIXES})
    return tensors


def _unpack_tensor(name: str, description: Any, entries: dict[str, Any]) -> np.ndarray:
    """Return one tensor, after its entries have been compared with the description."""
    shape, bits, group, mask = _parse_description(name, description)
    values, scales, size = entries[VALUES], entries[SCALES], math.prod(shape)
    if values is None or (mask and entries[MASK] is None) or (bits < 16 and scales is None):
        raise ValueError(f"the packed tensor {name!r} lacks its {'values' if values is None else 'mask or its steps'}")
    nonzero: Any = slice(None)
    if mask:
        _expect(name + MASK, entries[MASK], "uint8", (-(-size // 8),))
        nonzero = np.unpackbits(entries[MASK], count=size).astype(bool)
    count = int(nonzero.sum()) if mask else size
    if bits == 4:
        _expect(name, values, "uint8", (-(-count // 2),))
        values = unpack_nibbles(values, count)
    else:
        values = from_bfloat16(values) if bits == 16 and values.dtype == np.uint16 else values
        _expect(name, values, "int8" if bits == 8 else "float", (count,))
    flat = np.zeros(size, np.float32 if bits < 16 else values.dtype)
    flat[nonzero] = values
    tensor = flat.reshape(shape)
    if bits >= 16:
        return tensor
    groups = -(-shape[1] // group) if group else 1
    scales = from_bfloat16(scales) if scales.dtype == np.uint16 else scales
    _expect(name + SCALES, scales, "float32", (shape[0], groups))
    with np.errstate(over="ignore", invalid="ignore"):  # damaged scales: load refuses infinities
        return tensor * (np.repeat(scales, group, axis=1)[:, : shape[1]] if group else scales)


def _parse_description(name: str, description: Any) -> tuple[list[int], int, int, bool]:
    """Return shape, bits, group size and whether there is a mask."""
    try:
        shape, bits, group, mask = (description[key] for key in ("shape", "bits", "group", "mask"))
    except (TypeError, KeyError):
        raise ValueError(f"the description of {name!r} must have shape, bits, group and mask, not {description!r}") from None
    valid = isinstance(shape, list) and all(type(n) is int and 0 <= n < 2**40 for n in shape)
    if not (valid and bits in (4, 8, 16, 32) and type(group) is int and group >= 0 and isinstance(mask, bool)):
        raise ValueError(f"the description of {name!r} is not valid: {description!r}")
    if bits < 16 and len(shape) != 2:
        raise ValueError(f"{name!r} has integers and scales, but is not a matrix: {shape}")
    return shape, bits, group, mask


def _expect(name: str, array: np.ndarray, dtype: str, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless an entry has this dtype ("float": any floating point) and shape."""
    wrong = array.dtype.kind != "f" if dtype == "float" else array.dtype != dtype
    if wrong or array.shape != shape:
        raise ValueError(f"{name}: expected {dtype} of {shape}, file has {array.dtype} of {array.shape}")


def metadata(described: dict[str, Any]) -> dict[str, str]:
    """Return the metadata for the header of a packed file."""
    return {"format": FORMAT, "packed": json.dumps(described, separators=(",", ":"))}
