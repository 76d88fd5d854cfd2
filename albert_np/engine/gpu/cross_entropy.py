"""Kernel of core/layers/cross_entropy.py: the probabilities over the vocabulary are not stored."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.engine.gpu.launch import arithmetic, contiguous, launch


def threads_per_block(C: int) -> int:
    return min(512, -(-C // 32) * 32)


def cross_entropy(x: Array, labels: Array, weights: Array, denominator: float, smoothing: float = 0.0) -> tuple[Array, Cache]:
    """x (M, C), labels (M,) integers in [0, C), weights (M,) -> loss (), a 0-d array. smoothing: ε, at least 0 and below 1."""
    x, (M, C) = contiguous(x), x.shape
    labels, accumulator = labels.astype(np.int64), arithmetic(x.dtype)
    nll, lse = np.empty_like(x, shape=M, dtype=accumulator), np.empty_like(x, shape=M, dtype=accumulator)
    launch("cross_entropy", "cross_entropy", x, M, threads_per_block(C), x, labels, np.float64(smoothing), nll, lse, W=C)
    scaled = weights.astype(accumulator) * (1 / denominator)  # (M,)
    return (nll * scaled).sum(), (x, labels, lse, scaled, smoothing)


def cross_entropy_backward(dloss: Array, cache: Cache) -> Array:
    """dloss () -> dx (M, C)"""
    x, labels, lse, scaled, smoothing = cache
    (M, C), dx = x.shape, np.empty_like(x)
    launch(
        "cross_entropy", "cross_entropy_backward", x, M, threads_per_block(C), x, labels, lse, scaled * dloss,
        np.float64(smoothing), dx, W=C,
    )  # fmt: skip
    return dx
