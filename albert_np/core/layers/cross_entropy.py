"""Weighted softmax cross-entropy.

    loss = Σ_m w_m (-log softmax(x_m)[label_m]) / denominator

The derivative of -log softmax(x)[label] = log Σ_k exp x_k - x_label by x_k is softmax(x)_k - [k = label], so

    dx_mk = dloss · (softmax(x_m)_k - [k = label_m]) w_m / denominator

Label smoothing ε (Szegedy et al. 2016, section 7) gives the label the probability 1 - ε and spreads ε evenly over all C classes:
the one-hot row [k = label] becomes q_k = (1 - ε) [k = label] + ε / C, in both formulas:

    loss = Σ_m w_m (-Σ_k q_mk log softmax(x_m)_k) / denominator

The denominator is an argument, not counted here, so that micro-batches add up to exactly the loss of the whole batch.
"""

from collections import namedtuple

import numpy as np

from albert_np.core.backend import asarray_like, scatter_add
from albert_np.core.dispatch import Array, Cache, op

CrossEntropyCache = namedtuple("CrossEntropyCache", "probs picked scaled smoothing")


@op
def cross_entropy(x: Array, labels: Array, weights: Array, denominator: float, smoothing: float = 0) -> tuple[Array, Cache]:
    """x (M, C), labels (M,) integers in [0, C), weights (M,) -> loss (), a 0-d array. smoothing: ε, at least 0 and below 1."""
    M, C = x.shape
    picked = asarray_like(np.arange(M) * C, labels) + labels  # (M,) where each label is in x.reshape(-1)
    shifted = x - x.max(-1, keepdims=True)  # (M, C)
    e = np.exp(shifted)  # (M, C)
    total = e.sum(-1, keepdims=True)  # (M, 1)
    nll = np.log(total[:, 0]) - (1 - smoothing) * np.take(shifted.reshape(-1), picked)  # (M,)
    if smoothing:
        nll = nll - smoothing * shifted.mean(-1)
    scaled = weights * (1 / denominator)  # (M,)
    return (nll * scaled).sum(), CrossEntropyCache(e / total, picked, scaled, smoothing)


@op
def cross_entropy_backward(dloss: Array, cache: CrossEntropyCache) -> Array:
    """dloss () -> dx (M, C)"""
    probs, picked, scaled, smoothing = cache
    smooth = probs - smoothing / probs.shape[-1]  # (M, C)
    dx = (smooth * scaled[:, None]).reshape(-1)  # (M C,)
    scatter_add(dx, picked, -(1 - smoothing) * scaled)  # the one-hot part
    return dx.reshape(probs.shape) * dloss
