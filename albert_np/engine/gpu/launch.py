"""Compile and launch the CUDA kernels. A kernel is compiled at its first use, for the given types and widths."""

from functools import cache
from importlib import resources
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from albert_np.core import backend
from albert_np.core.dispatch import Array

TYPES = {"float16": ("Half", "float"), "float32": ("float", "float"), "float64": ("double", "double")}  # of arrays, of arithmetic
Argument: TypeAlias = Array | np.generic | None  # of a kernel: a contiguous array, a scalar, or a null pointer


@cache
def source(file: str, dtype: str, gradient_dtype: str, constants: tuple[tuple[str, int], ...]) -> str:
    """Return the source of FILE.cu for arrays of this type, after the definitions that all kernels share."""
    folder = resources.files("albert_np.engine.gpu")
    array_type, arithmetic_type = TYPES[dtype]
    types = {"T": array_type, "A": arithmetic_type, "G": TYPES[gradient_dtype][0]}
    lines = [f"typedef {name} {letter};" for letter, name in types.items()] + [f"constexpr int {n} = {x};" for n, x in constants]
    half, common, own = (folder.joinpath(name).read_text(encoding="utf-8") for name in ("half.cuh", "common.cuh", f"{file}.cu"))
    return "\n".join([half, *lines, common, own])


def launch(
    file: str, kernel: str, like: Array, blocks: int, threads: int, *arguments: Argument, into: Array = None, **constants: int
) -> None:
    """Launch a kernel of FILE.cu; with 0 blocks, do nothing.

    like       an array on the device, whose dtype is the kernel's type T
    blocks     number of blocks, each of `threads` threads
    arguments  contiguous arrays, None for a null pointer, and NumPy scalars of exactly the kernel's types
    into       an array of gradients, whose dtype is the type G (default: T)
    constants  integers that are compiled in, such as W
    """
    if blocks:
        text = source(file, like.dtype.name, (like if into is None else into).dtype.name, tuple(constants.items()))
        backend.of(like).launch(text, kernel, blocks, threads, list(arguments))


def arithmetic(dtype: DTypeLike) -> np.dtype:
    """Return the dtype of a kernel's arithmetic and intermediate results: float32 for float16."""
    return np.dtype(np.float32) if dtype == np.float16 else np.dtype(dtype)


def contiguous(x: Array) -> Array:
    """Return x, or a contiguous copy if it is not contiguous, for kernels and cuBLAS."""
    return x if x.flags.c_contiguous else x.copy()
