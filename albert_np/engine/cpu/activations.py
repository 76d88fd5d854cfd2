"""Kernel of core/layers/activations.py. Only x is stored for the backward pass: computing tanh again is cheaper than storing it.

Each activation has two functions of a block: value(x, out) and slope(x, out, value=None), which writes the derivative into `out`
and, if `value` is given, the activation itself into it.
"""

import math
from collections.abc import Callable

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.engine.cpu.blocks import blocks

C = math.sqrt(2 / math.pi)
C3 = 0.044715 * C


def gelu_new(x: Array, out: Array) -> None:
    """x (1 + t) / 2,  t = tanh(x (C + C3 x²))"""
    _inner_tanh(x, np.multiply(x, x, out=out), out)
    out += 1
    out *= x
    out *= 0.5


def gelu_new_slope(x: Array, out: Array, value: Array = None) -> None:
    """((1 + t) + x (1 - t²) (C + 3 C3 x²)) / 2"""
    square = x * x
    t = _inner_tanh(x, square, np.empty_like(square))
    square *= 3 * C3
    square += C
    square *= x
    np.multiply(t, t, out=out)
    np.subtract(1, out, out=out)
    out *= square
    t += 1
    out += t
    out *= 0.5
    if value is not None:
        t *= x
        np.multiply(t, 0.5, out=value)


def _inner_tanh(x: Array, square: Array, out: Array) -> Array:
    """out = tanh(x (C + C3 x²)); square: x²"""
    np.multiply(square, C3, out=out)
    out += C
    out *= x
    return np.tanh(out, out=out)


def gelu(x: Array, out: Array) -> None:
    """x Φ(x)"""
    normal_distribution(x, out)
    out *= x


def gelu_slope(x: Array, out: Array, value: Array = None) -> None:
    """Φ(x) + x exp(-x²/2) / √(2π)"""
    bell = normal_distribution(x, out)
    if value is not None:
        np.multiply(x, out, out=value)
    bell *= x
    bell *= 1 / math.sqrt(2 * math.pi)
    out += bell


def normal_distribution(x: Array, out: Array) -> Array:
    """Write Φ(x) into out and return exp(-x²/2), which the slope needs too.

    float64: scipy's erf. float32: for z = |x| / √2, erfc z = (a₁ t + ... + a₅ t⁵) exp(-z²), t = 1 / (1 + .3275911 z), to
    1.5e-7 (Abramowitz & Stegun 7.1.26), which is float32's own rounding; scipy's erf takes ten times as long.
    """
    bell = x * x
    bell *= -0.5
    np.exp(bell, out=bell)
    if x.dtype != np.float32:
        from scipy.special import erf

        erf(np.multiply(x, math.sqrt(0.5), out=out), out=out)
        out += 1
        out *= 0.5
        return bell
    t = np.abs(x)
    t *= 0.3275911 * math.sqrt(0.5)
    t += 1
    np.divide(1, t, out=t)
    np.multiply(t, 1.061405429, out=out)
    for a in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        out += a
        out *= t
    out *= bell
    out *= -0.5  # -Φ(-|x|)
    out += 0.5  # |Φ(x) - ½|; the sign of x is set below, eight times faster than by np.copysign
    bits = out.view(np.int32)
    bits |= x.view(np.int32) & np.int32(-(1 << 31))
    out += 0.5
    return bell


def relu(x: Array, out: Array) -> None:
    """max(x, 0)"""
    np.maximum(x, 0, out=out)


def relu_slope(x: Array, out: Array, value: Array = None) -> None:
    """1 where x > 0"""
    np.greater(x, 0, out=out)
    if value is not None:
        relu(x, value)


def tanh(x: Array, out: Array) -> None:
    """tanh x"""
    np.tanh(x, out=out)


def tanh_slope(x: Array, out: Array, value: Array = None) -> None:
    """1 - tanh² x"""
    np.tanh(x, out=out)
    if value is not None:
        value[...] = out
    np.multiply(out, out, out=out)
    np.subtract(1, out, out=out)


ACTIVATIONS: dict[str, tuple[Callable[..., None], Callable[..., None]]] = {
    "gelu_new": (gelu_new, gelu_new_slope),
    "gelu": (gelu, gelu_slope),
    "relu": (relu, relu_slope),
    "tanh": (tanh, tanh_slope),
}


def activation(x: Array, name: str) -> tuple[Array, Array]:
    """x (N, W) -> y (N, W)"""
    value, y = ACTIVATIONS[name][0], np.empty_like(x, shape=x.shape)
    for rows in blocks(x):
        value(x[rows], y[rows])
    return y, x


def activation_backward(dy: Array, x: Array, name: str) -> Array:
    """dy (N, W) -> dx (N, W)"""
    slope, dx = ACTIVATIONS[name][1], np.empty_like(x, shape=x.shape)
    for rows in blocks(x):
        slope(x[rows], dx[rows])
        dx[rows] *= dy[rows]
    return dx
