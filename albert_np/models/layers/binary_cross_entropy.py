"""Weighted binary cross-entropy of C independent labels.

With σ(x) = 1 / (1 + e⁻ˣ) the probability of a label, and y its target from 0 to 1:

    loss = Σ_m w_m mean_c [-y log σ(x) - (1 - y) log(1 - σ(x))]_mc / denominator

Both logarithms are one function of x, log(1 - σ(x)) = -log(1 + eˣ) and log σ(x) = x - log(1 + eˣ). So the bracket is
log(1 + eˣ) - y x, and its derivative

    dx_mc = dloss · (σ(x_mc) - y_mc) w_m / (C · denominator)

log(1 + eˣ) = max(x, 0) + log(1 + e⁻|x|) does not overflow, nor does σ(x) = (1 + tanh(x/2)) / 2.
The denominator counts rows and is given, as for the cross-entropy.
"""

import numpy as np

from albert_np.core.dispatch import Array, op


@op
def binary_cross_entropy(x: Array, labels: Array, weights: Array, denominator: float) -> tuple[Array, tuple[Array, ...]]:
    """x (M, C) logits, labels (M, C) from 0 to 1, weights (M,) -> loss (), a 0-d array"""
    y = labels.astype(x.dtype)  # (M, C)
    losses = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))) - y * x  # (M, C)
    scaled = (weights * (1 / (denominator * x.shape[1])))[:, None]  # (M, 1)
    return (losses * scaled).sum(), (x, y, scaled)


@op
def binary_cross_entropy_backward(dloss: Array, cache: tuple[Array, ...]) -> Array:
    """dloss () -> dx (M, C)"""
    x, y, scaled = cache
    return ((0.5 * (1 + np.tanh(0.5 * x)) - y) * scaled * dloss).astype(x.dtype, copy=False)
