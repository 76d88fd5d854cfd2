"""Twin of layers/cross_entropy.py, a few rows at a time: a row over the whole vocabulary is 120 kB and stays in the cache."""

from typing import Any

import numpy as np

from albert_np.kernels.cpu.blocks import blocks


def cross_entropy(x: Any, labels: Any, weights: Any, denominator: float) -> tuple[Any, Any]:
    """x (M, C), labels (M,) integers in [0, C), weights (M,) -> loss (), a 0-d array"""
    M, C = x.shape
    probs, nll = np.empty_like(x, shape=(M, C)), np.empty_like(x, shape=M)
    for rows in blocks(x):
        shifted = np.subtract(x[rows], x[rows].max(-1, keepdims=True), out=probs[rows])
        picked = np.take_along_axis(shifted, labels[rows, None], axis=1)[:, 0]
        e = np.exp(shifted, out=shifted)
        total = e.sum(-1, keepdims=True)
        e *= 1 / total
        nll[rows] = np.log(total[:, 0]) - picked
    scaled = weights * (1 / denominator)  # (M,)
    return (nll * scaled).sum(), (probs, labels, scaled)


def cross_entropy_backward(dloss: Any, cache: Any) -> Any:
    """dloss () -> dx (M, C)"""
    probs, labels, scaled = cache
    scaled = scaled * dloss
    dx = probs * scaled[:, None]
    dx[np.arange(len(dx)), labels] -= scaled
    return dx
