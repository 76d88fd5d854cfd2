"""Write checkpoints with packed weights, and predict their size. `formats/packed.py` describes the file.

Size of a matrix of n numbers with z zeros and r rows:

    values     n · bits / 8 bytes;  with a mask of the nonzero values  n / 8 + (n - z) · bits / 8, if that is less
    scales     4 bytes per row for 8 bits; 2 bytes per 32 numbers for 4 bits

Tensors other than matrices stay float32.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.io.files import make_folder, write_whole
from albert_np.io.formats import packed, safetensors_file
from albert_np.io.formats.bfloat16 import to_bfloat16
from albert_np.io.matrices import as_rows, quantisable
from albert_np.io.model_config import ModelConfig
from albert_np.io.names import name_table
from albert_np.io.save import write_config

BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "int8": 8, "int4": 4}


@dataclass(frozen=True)
class Scheme:
    """A quantisation scheme: the number of bits, and how many inputs of an output share a scale (0: all)."""

    bits: int
    group: int

    @property
    def largest(self) -> int:
        """q, the largest integer."""
        return 2 ** (self.bits - 1) - 1


@dataclass(frozen=True)
class QuantisedMatrix:
    """A matrix as integers (R, C) int8 times scales (R, G) float32, one scale per group of columns."""

    integers: np.ndarray
    scales: np.ndarray
    scheme: Scheme

    def dequantise(self) -> np.ndarray:
        """Return the matrix (R, C), float32."""
        return self.integers.astype(np.float32) * repeat_scales(self.scales, self.integers.shape[1], self.scheme.group)


def repeat_scales(scales: Any, C: int, group: int) -> Any:
    """scales (R, G) -> (R, 1) if group is 0, else (R, C), one per column"""
    return np.repeat(scales, group, axis=1)[:, :C] if group else scales


@dataclass(frozen=True)
class Packing:
    """How a model's matrices are stored: as one of BITS; for int8 and int4, `quantised` has the integers of every matrix."""

    weights: str = "float32"
    quantised: dict[str, QuantisedMatrix] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.weights not in BITS:
            raise ValueError(f"weights: expected one of {', '.join(BITS)}, got {self.weights!r}")


def save_packed(folder: str | os.PathLike[str], config: ModelConfig, params: Tree, architecture: str, packing: Packing) -> int:
    """Write config.json and a packed model.safetensors; return the size of the latter in bytes.

    transformers refuses the folder, since model_type and format are albert_np. `albert-np convert --to hf` unpacks it.
    """
    folder = Path(folder)
    make_folder(folder)
    arrays, described = make_entries(config, params, packing)
    write_whole(folder / "model.safetensors", lambda path: safetensors_file.write(path, arrays, packed.metadata(described)))
    write_config(folder, config, architecture, stacklevel=4, compressed=packing.weights)
    return (folder / "model.safetensors").stat().st_size


def make_entries(config: ModelConfig, params: Tree, packing: Packing) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays of the file under HF's names, and the descriptions of the packed tensors."""
    names, matrices = name_table(config, "hf"), quantisable(params)
    arrays, described = {}, {}
    for ours, array in params.items():
        theirs, transposed = names[ours]
        host = backend.to_host(array)
        tensor = np.ascontiguousarray(host.T if transposed else host)
        if ours not in matrices:
            arrays[theirs] = tensor.astype(np.float32)
            continue
        entries, described[theirs] = pack_matrix(tensor, packing.weights, packing.quantised.get(ours))
        arrays |= {theirs + suffix: entry for suffix, entry in entries.items()}
    return arrays, described


def pack_matrix(matrix: np.ndarray, weights: str, quantised: QuantisedMatrix | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pack a matrix (R, C): return its arrays {suffix: array} and its description."""
    bits = BITS[weights]
    if quantised is not None:
        scales = to_bfloat16(quantised.scales) if quantised.scheme.bits == 4 else quantised.scales
        values, group = quantised.integers, quantised.scheme.group
        return packed.pack(values, bits, mask_saves_space(values, bits), scales, group)
    values = to_bfloat16(matrix) if weights == "bfloat16" else matrix.astype("float16" if weights == "float16" else "float32")
    return packed.pack(values, bits, mask_saves_space(values, bits))


def mask_saves_space(values: np.ndarray, bits: int) -> bool:
    """Return whether one bit for every value takes less space than the zeros."""
    return int((values == 0).sum()) * bits > values.size


# ---- the expected size ----


def matrix_bytes(shape: tuple[int, ...], zeros: int, weights: str, group: int = 0) -> int:
    """Return the bytes of a matrix (outputs, inputs) with this number of zeros, by the rule above."""
    n, bits = shape[0] * shape[1], BITS[weights]
    values = min(n * bits / 8, n / 8 + (n - zeros) * bits / 8)
    scales = {8: 4 * shape[0], 4: 2 * shape[0] * -(-shape[1] // (group or shape[1]))}.get(bits, 0)
    return round(values) + scales


def expected_bytes(params: Tree, packing: Packing) -> int:
    """Return the size of model.safetensors without its header."""
    matrices, size = quantisable(params), 0
    for name, array in params.items():
        if name not in matrices:
            size += 4 * array.size
            continue
        quantised = packing.quantised.get(name)
        values = backend.to_host(as_rows(name, array)) if quantised is None else quantised.integers
        group = 0 if quantised is None else quantised.scheme.group
        size += matrix_bytes(values.shape, int((values == 0).sum()), packing.weights, group)
    return size
