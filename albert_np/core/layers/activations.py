"""The activations, each next to its derivative. They act on every element by itself: (N, W) -> (N, W). `hidden_act` names one of
`ACTIVATIONS`; a new one is such a pair of functions, and an entry there.

    gelu_new   x Φ(x) with Φ approximated by tanh: Google's ALBERT computes this under the name "gelu"
    gelu       x Φ(x) exactly, Φ(x) = (1 + erf(x / √2)) / 2 (Hendrycks & Gimpel 2016): transformers computes this for "gelu"

These differ by up to 4.7e-4, enough to notice in a converted model.
"""

import math
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array, Cache, op

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
CUBIC = 0.044715


def gelu_new(x: Array) -> tuple[Array, Cache]:
    """y = x (1 + t) / 2,  t = tanh u,  u = √(2/π) (x + 0.044715 x³).   x (N, W) -> y (N, W)"""
    t = np.tanh(SQRT_2_OVER_PI * (x + CUBIC * (x * x * x)))
    return 0.5 * x * (1 + t), (x, t)


def gelu_new_backward(dy: Array, cache: Cache) -> Array:
    """dy/dx = (1 + t) / 2 + x (1 - t²) u' / 2,   u' = √(2/π) (1 + 3 · 0.044715 x²)"""
    x, t = cache
    slope = SQRT_2_OVER_PI * (1 + 3 * CUBIC * (x * x))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


def gelu(x: Array) -> tuple[Array, Cache]:
    """y = x Φ(x).   x (N, W) -> y (N, W)"""
    phi = 0.5 * (1 + backend.of(x).erf(x * math.sqrt(0.5)))
    return x * phi, (x, phi)


def gelu_backward(dy: Array, cache: Cache) -> Array:
    """dy/dx = Φ(x) + x φ(x),   φ(x) = exp(-x²/2) / √(2π)"""
    x, phi = cache
    density = np.exp(-0.5 * (x * x)) / math.sqrt(2 * math.pi)
    return dy * (phi + x * density)


def relu(x: Array) -> tuple[Array, Cache]:
    """y = max(x, 0).   x (N, W) -> y (N, W)"""
    return np.maximum(x, 0), x


def relu_backward(dy: Array, x: Array) -> Array:
    """dy/dx = 1 where x > 0, else 0 (at 0 too)"""
    return dy * (x > 0)


def tanh(x: Array) -> tuple[Array, Cache]:
    """y = tanh x.   x (N, W) -> y (N, W)"""
    y = np.tanh(x)
    return y, y


def tanh_backward(dy: Array, y: Array) -> Array:
    """dy/dx = 1 - y²"""
    return dy * (1 - y * y)


ACTIVATIONS: dict[str, tuple[Any, Any]] = {"gelu_new": (gelu_new, gelu_new_backward), "gelu": (gelu, gelu_backward)}
ACTIVATIONS |= {"relu": (relu, relu_backward), "tanh": (tanh, tanh_backward)}


@op
def activation(x: Array, name: str) -> tuple[Array, Cache]:
    """Apply the activation of this name.   x (N, W) -> y (N, W)"""
    return ACTIVATIONS[name][0](x)


@op
def activation_backward(dy: Array, cache: Cache, name: str) -> Array:
    """dy (N, W) -> dx (N, W)"""
    return ACTIVATIONS[name][1](dy, cache)
