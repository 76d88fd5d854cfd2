"""Kernel of core/layers/cross_entropy.py, a few rows at a time: a row over the vocabulary (120 kB) stays in the cache."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.engine.cpu.blocks import blocks


def cross_entropy(x: Array, labels: Array, weights: Array, denominator: float, smoothing: float = 0.0) -> tuple[Array, Array]:
    """x (M, C), labels (M,) integers in [0, C), weights (M,) -> loss (), a 0-d array. smoothing: ε, at least 0 and below 1."""
    M, C = x.shape
    probs, nll = np.empty_like(x, shape=(M, C)), np.empty_like(x, shape=M)
    for rows in blocks(x):
        shifted = np.subtract(x[rows], x[rows].max(-1, keepdims=True), out=probs[rows])
        picked = (1 - smoothing) * np.take_along_axis(shifted, labels[rows, None], axis=1)[:, 0]
        if smoothing:
            picked += smoothing * shifted.mean(-1)
        e = np.exp(shifted, out=shifted)
        total = e.sum(-1, keepdims=True)
        e *= 1 / total
        nll[rows] = np.log(total[:, 0]) - picked
    scaled = weights * (1 / denominator)  # (M,)
    return (nll * scaled).sum(), (probs, labels, scaled, smoothing)


def cross_entropy_backward(dloss: Array, cache: Cache) -> Array:
    """dloss () -> dx (M, C)"""
    probs, labels, scaled, smoothing = cache
    scaled = scaled * dloss
    dx = probs * scaled[:, None]
    if smoothing:
        dx -= (smoothing / dx.shape[-1]) * scaled[:, None]
    dx[np.arange(len(dx)), labels] -= (1 - smoothing) * scaled
    return dx
