"""Small files: a safetensors file in which a tensor may be a bit-mask with the numbers that are not 0, or integers with steps.

    NAME            a tensor as it is; of a packed one its numbers (with a mask: those that are not 0) in one row: float32,
                    float16, uint16 (the bits of bfloat16), int8, or uint8 with two of 4 bits each, the first in the lower half,
                    8 standing for 0. They have another shape than the tensor, so programs that do not know this refuse them
    NAME.mask       uint8: a bit for each number, the first in the highest bit; 1 where there is a number other than 0
    NAME.steps      (R, G) float32, or uint16 (bfloat16): what integers are multiplied by; a row has G groups of inputs

The file's metadata say {"format": "albert_np", "packed": JSON}: {NAME: {"shape": [...], "bits": 8, "group": 0, "mask": true}};
bits of 32 and 16 are floating-point numbers. Names and layout are HF's, so a row is an output. Nothing else is needed to read it.
"""

import json
import math
from typing import Any

import numpy as np

from albert_np.io.files import parse_json
from albert_np.io.formats.bfloat16 import widened

FORMAT = "albert_np"
VALUES, MASK, STEPS = ENTRIES = "", ".mask", ".steps"


def pack(values: np.ndarray, bits: int, mask: bool, steps: np.ndarray | None = None, group: int = 0) -> tuple[dict, dict]:
    """values: floats, uint16 (bfloat16), or int8 (from -7 to 7 if bits are 4) -> ({ending: array}, what the metadata say)"""
    flat, entries = np.ascontiguousarray(values).reshape(-1), {}
    if mask:
        entries[MASK] = np.packbits(flat != 0)
        flat = flat[flat != 0]
    entries[VALUES] = halves(flat) if bits == 4 else flat
    if steps is not None:
        entries[STEPS] = steps
    return entries, {"shape": list(values.shape), "bits": bits, "group": group, "mask": mask}


def halves(integers: np.ndarray) -> np.ndarray:
    """int8 from -8 to 7, two in a byte"""
    nibbles = (integers + 8).astype(np.uint8)
    if len(nibbles) % 2:
        nibbles = np.append(nibbles, np.uint8(8))
    return nibbles[::2] | nibbles[1::2] << 4


def wholes(packed: np.ndarray, count: int) -> np.ndarray:
    """The reverse."""
    return (np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)[:count].astype(np.int8) - 8).astype(np.int8)


def unpacked(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> dict[str, np.ndarray]:
    """{name: array} of a packed file's entries, every tensor whole and in floating point. ValueError if they do not fit."""
    try:
        described = parse_json(metadata.get("packed", "").encode())
    except ValueError as error:
        raise ValueError(f"the description of its packed tensors is no JSON: {error}") from None
    parts = {name + ending for name in described for ending in ENTRIES}
    found = {name: array for name, array in arrays.items() if name not in parts}
    for name, about in described.items():
        found[name] = _whole(name, about, {ending: arrays.get(name + ending) for ending in ENTRIES})
    return found


def _whole(name: str, about: Any, parts: dict[str, Any]) -> np.ndarray:
    """One tensor. What its entries must be follows from the description."""
    shape, bits, group, mask = _checked(name, about)
    values, steps, size = parts[VALUES], parts[STEPS], math.prod(shape)
    if values is None or (mask and parts[MASK] is None) or (bits < 16 and steps is None):
        raise ValueError(f"the packed tensor {name!r} lacks its {'values' if values is None else 'mask or its steps'}")
    there: Any = slice(None)
    if mask:
        _expect(name + MASK, parts[MASK], "uint8", (-(-size // 8),))
        there = np.unpackbits(parts[MASK], count=size).astype(bool)
    count = int(there.sum()) if mask else size
    if bits == 4:
        _expect(name, values, "uint8", (-(-count // 2),))
        values = wholes(values, count)
    else:
        values = widened(values) if bits == 16 and values.dtype == np.uint16 else values
        _expect(name, values, "int8" if bits == 8 else "float", (count,))
    flat = np.zeros(size, np.float32 if bits < 16 else values.dtype)
    flat[there] = values
    whole = flat.reshape(shape)
    if bits >= 16:
        return whole
    groups = -(-shape[1] // group) if group else 1
    steps = widened(steps) if steps.dtype == np.uint16 else steps
    _expect(name + STEPS, steps, "float32", (shape[0], groups))
    with np.errstate(over="ignore", invalid="ignore"):  # a damaged step: infinities are refused by whoever takes the weights
        return whole * (np.repeat(steps, group, axis=1)[:, : shape[1]] if group else steps)


def _checked(name: str, about: Any) -> tuple[list[int], int, int, bool]:
    try:
        shape, bits, group, mask = (about[key] for key in ("shape", "bits", "group", "mask"))
    except (TypeError, KeyError):
        raise ValueError(f"the description of {name!r} must have shape, bits, group and mask, not {about!r}") from None
    fine = isinstance(shape, list) and all(type(n) is int and 0 <= n < 2**40 for n in shape)
    if not (fine and bits in (4, 8, 16, 32) and type(group) is int and group >= 0 and isinstance(mask, bool)):
        raise ValueError(f"the description of {name!r} makes no sense: {about!r}")
    if bits < 16 and len(shape) != 2:
        raise ValueError(f"{name!r} has integers and steps, but is no matrix: {shape}")
    return shape, bits, group, mask


def _expect(name: str, array: np.ndarray, dtype: str, shape: tuple[int, ...]) -> None:
    wrong = array.dtype.kind != "f" if dtype == "float" else array.dtype != dtype
    if wrong or array.shape != shape:
        raise ValueError(f"{name}: expected {dtype} of {shape}, file has {array.dtype} of {array.shape}")


def metadata(described: dict[str, Any]) -> dict[str, str]:
    """What goes into the header."""
    return {"format": FORMAT, "packed": json.dumps(described, separators=(",", ":"))}
