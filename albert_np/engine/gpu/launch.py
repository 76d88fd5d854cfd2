"""From a CUDA source to a kernel that runs: compiled when it is first used, for the type of the arrays and the widths at hand."""

from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array

TYPES = {"float16": ("Half", "float"), "float32": ("float", "float"), "float64": ("double", "double")}  # of arrays, of arithmetic


@cache
def source(file: str, dtype: str, of_gradients: str, constants: tuple[tuple[str, int], ...]) -> str:
    """The text of FILE.cu for arrays of this type, behind what all kernels share."""
    folder = resources.files("albert_np.engine.gpu")
    of_arrays, of_arithmetic = TYPES[dtype]
    types = {"T": of_arrays, "A": of_arithmetic, "G": TYPES[of_gradients][0]}
    lines = [f"typedef {name} {letter};" for letter, name in types.items()] + [f"constexpr int {n} = {x};" for n, x in constants]
    half, common, own = (folder.joinpath(name).read_text(encoding="utf-8") for name in ("half.cuh", "common.cuh", f"{file}.cu"))
    return "\n".join([half, *lines, common, own])


def launch(
    file: str, kernel: str, like: Any, blocks: int, threads: int, *arguments: Any, into: Array = None, **constants: int
) -> None:
    """Run a kernel of FILE.cu in so many blocks of so many threads; none if there is nothing to do.

    like: an array, whose type is meant by T, on the device · into: an array of gradients, whose type is G (default: T)
    arguments: contiguous arrays, None for no array, and NumPy scalars of the types that the kernel has them in
    constants: numbers that are known when it is compiled
    """
    if blocks:
        text = source(file, like.dtype.name, (like if into is None else into).dtype.name, tuple(constants.items()))
        backend.of(like).launch(text, kernel, blocks, threads, list(arguments))


def arithmetic(dtype: Any) -> np.dtype:
    """The type of a kernel's arithmetic, and of what it keeps for itself: float32 for float16."""
    return np.dtype(np.float32) if dtype == np.float16 else np.dtype(dtype)


def contiguous(x: Array) -> Array:
    """x as kernels and cuBLAS take it: itself, or a copy where it is a view that leaves gaps."""
    return x if x.flags.c_contiguous else x.copy()
