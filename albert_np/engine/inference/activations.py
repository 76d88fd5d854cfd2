"""Activations in place, for inference: a formula of engine/cpu/activations.py with fewer passes, or that formula itself."""

from collections.abc import Callable

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.engine.cpu.activations import ACTIVATIONS, C3, C


def gelu_new(x: Array, scratch: Array) -> None:
    """x (1 + tanh u) / 2 = x / (1 + exp(-2u)),  u = x (C + C3 x²); exp overflows to inf where the result is 0"""
    np.multiply(x, x, out=scratch)
    scratch *= -2 * C3
    scratch -= 2 * C
    scratch *= x
    np.exp(scratch, out=scratch)
    scratch += 1
    x /= scratch


def by_copying(value: Callable[[Array, Array], None]) -> Callable[[Array, Array], None]:
    """Return the activation `value(x, out)` as a function that writes its result into x."""

    def run(x: Array, scratch: Array) -> None:
        value(x, scratch)
        x[...] = scratch

    return run


IN_PLACE = {name: by_copying(value) for name, (value, _) in ACTIVATIONS.items()} | {"gelu_new": gelu_new}
