"""Weighted softmax cross-entropy.

    loss = Σ_m w_m (-log softmax(x_m)[label_m]) / denominator

The derivative of -log softmax(x)[label] = log Σ_k exp x_k - x_label by x_k is softmax(x)_k - [k = label], so

    dx_mk = dloss · (softmax(x_m)_k - [k = label_m]) w_m / denominator

With label smoothing ε (Szegedy et al. 2016, section 7) the label is meant less sharply: it has the probability 1 - ε, and ε is
spread evenly over all C classes. The one-hot row [k = label] becomes q_k = (1 - ε) [k = label] + ε / C, in both formulas:

    loss = Σ_m w_m (-Σ_k q_mk log softmax(x_m)_k) / denominator

The denominator is given, not counted here: then micro-batches add up to exactly the loss of the whole batch.
"""

from typing import Any

import numpy as np

from albert_np.core.backend import asarray_like, scatter_add


def cross_entropy(x: Any, labels: Any, weights: Any, denominator: float, smoothing: float = 0.0) -> tuple[Any, Any]:
    """x (M, C), labels (M,) integers in [0, C), weights (M,) -> loss (), a 0-d array. smoothing: ε, at least 0 and below 1."""
    M, C = x.shape
    picked = asarray_like(np.arange(M) * C, labels) + labels  # (M,) where each label lies in x.reshape(-1)
    shifted = x - x.max(-1, keepdims=True)  # (M, C)
    e = np.exp(shifted)
    total = e.sum(-1, keepdims=True)  # (M, 1)
    nll = np.log(total[:, 0]) - (1 - smoothing) * np.take(shifted.reshape(-1), picked)  # (M,)
    if smoothing:
        nll = nll - smoothing * shifted.mean(-1)
    scaled = weights * (1 / denominator)  # (M,)
    return (nll * scaled).sum(), (e / total, picked, scaled, smoothing)


def cross_entropy_backward(dloss: Any, cache: Any) -> Any:
    """dloss () -> dx (M, C)"""
    probs, picked, scaled, smoothing = cache
    spread = probs - smoothing / probs.shape[-1]  # (M, C)
    flat = (spread * scaled[:, None]).reshape(-1)  # (M C,); a copy where the logits lie in another order
    scatter_add(flat, picked, -(1 - smoothing) * scaled)
    return flat.reshape(probs.shape) * dloss
