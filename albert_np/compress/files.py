"""A compressed model as a file, and how large that file must be.

The rule for the size of a matrix of n numbers, r of them in a row, of which z are 0:

    dense       n · bits / 8 bytes                  mask        n / 8 + (n - z) · bits / 8
    steps       4 bytes for each row of 8 bits; 2 for each 32 numbers of 4 bits

Whatever is no matrix keeps float32. A mask is only used where it makes the tensor smaller.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.compress.quantising import Quantised, tensors
from albert_np.compress.tensors import rows
from albert_np.core import backend
from albert_np.core.params import Tree, fill
from albert_np.io.files import make_folder, write_whole
from albert_np.io.formats import packed
from albert_np.io.formats.bfloat16 import narrowed, widened
from albert_np.io.names import table
from albert_np.io.save import write_config
from albert_np.models.config import AlbertConfig

BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "int8": 8, "int4": 4}


@dataclass(frozen=True)
class Packing:
    """How a model's matrices are stored. weights: one of BITS; of int8 and int4 `quantised` has the numbers of every matrix."""

    weights: str = "float32"
    quantised: dict[str, Quantised] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.weights not in BITS:
            raise ValueError(f"weights: expected one of {', '.join(BITS)}, got {self.weights!r}")


def rounded(params: Tree, weights: str) -> None:
    """Round the matrices to float16 or bfloat16, in place. ValueError if a number is too large for float16."""
    for name, array in tensors(params).items():
        host = backend.to_host(array)
        with np.errstate(over="ignore"):
            value = widened(narrowed(host)) if weights == "bfloat16" else host.astype(np.float16).astype(np.float32)
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: {np.abs(host).max():.3g} is too large for {weights}")
        fill(array, value)


def save(folder: str | os.PathLike[str], config: AlbertConfig, params: Tree, architecture: str, packing: Packing) -> int:
    """Write config.json and a packed model.safetensors -> the bytes of the latter.

    transformers refuses the folder: the config's model_type and the file's format are albert_np. `convert --to hf` unpacks it.
    """
    from safetensors.numpy import save_file

    folder = Path(folder)
    make_folder(folder)
    arrays, described = entries(config, params, packing)
    write_whole(folder / "model.safetensors", lambda path: save_file(arrays, path, metadata=packed.metadata(described)))
    write_config(folder, config, architecture, stacklevel=4, compressed=packing.weights)
    return (folder / "model.safetensors").stat().st_size


def entries(config: AlbertConfig, params: Tree, packing: Packing) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of the file under HF's names, and the description of those that are packed."""
    names, matrices = table(config, "hf"), tensors(params)
    arrays, described = {}, {}
    for ours, array in params.items():
        theirs, transposed = names[ours]
        host = backend.to_host(array)
        whole = np.ascontiguousarray(host.T if transposed else host)
        if ours not in matrices:
            arrays[theirs] = whole.astype(np.float32)
            continue
        parts, described[theirs] = packed_tensor(whole, packing, packing.quantised.get(ours))
        arrays |= {theirs + ending: part for ending, part in parts.items()}
    return arrays, described


def packed_tensor(whole: np.ndarray, packing: Packing, numbers: Quantised | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A matrix (R, C) -> its entries and their description."""
    bits = BITS[packing.weights]
    if numbers is not None:
        steps = narrowed(numbers.steps) if numbers.kind.bits == 4 else numbers.steps
        values: np.ndarray = numbers.integers
    else:
        steps = None
        values = {"float16": lambda: whole.astype(np.float16), "bfloat16": lambda: narrowed(whole)}.get(
            packing.weights, lambda: whole.astype(np.float32)
        )()
    mask = masked_pays(values, bits)
    return packed.pack(values, bits, mask, steps, 0 if numbers is None else numbers.kind.group)


def masked_pays(values: np.ndarray, bits: int) -> bool:
    """Whether a bit for every number costs less than the zeros."""
    return int((values == 0).sum()) * bits > values.size


# ---- what the size must be ----


def bytes_of(shape: tuple[int, int], zeros: int, weights: str, group: int = 0) -> int:
    """The bytes of a matrix of (outputs, inputs) with so many zeros, by the rule above."""
    n, bits = shape[0] * shape[1], BITS[weights]
    plain = n * bits / 8
    body = min(plain, n / 8 + (n - zeros) * bits / 8)
    steps = {8: 4 * shape[0], 4: 2 * shape[0] * -(-shape[1] // (group or shape[1]))}.get(bits, 0)
    return round(body) + steps


def expected_bytes(params: Tree, packing: Packing) -> int:
    """What model.safetensors must have, its header aside."""
    matrices, size = tensors(params), 0
    for name, array in params.items():
        if name not in matrices:
            size += 4 * array.size
            continue
        numbers = packing.quantised.get(name)
        whole = backend.to_host(rows(name, array)) if numbers is None else numbers.integers
        size += bytes_of(whole.shape, int((whole == 0).sum()), packing.weights, 0 if numbers is None else numbers.kind.group)
    return size
