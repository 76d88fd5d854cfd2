"""The loss of distillation: between a student's logits and a teacher's, both softened by a temperature T (Hinton et al. 2015).

    p = softmax(teacher / T)      q = softmax(x / T)
    loss = T² Σ_m w_m Σ_k p_mk log(p_mk / q_mk) / denominator

It is 0 where the two agree. With the derivative of log-softmax, ∂/∂x_k of -Σ_j p_j log q_j is (q_k - p_k) / T, so

    dx_mk = dloss · T (q_mk - p_mk) w_m / denominator

Softening makes the gradient about T² times smaller; the factor T² compensates for that.
"""

import numpy as np

from albert_np.core.dispatch import Array, op
from albert_np.core.layers.softmax import softmax


@op
def soft_cross_entropy(
    x: Array, teacher: Array, weights: Array, denominator: float, temperature: float = 1.0
) -> tuple[Array, tuple[Array, ...]]:
    """x, teacher (M, C) logits, weights (M,) -> loss (), a 0-d array"""
    T = temperature
    p, log_p = soft(teacher, T)
    q, log_q = soft(x, T)
    scaled = weights * (1 / denominator)  # (M,)
    divergence = (p * (log_p - log_q)).sum(-1)  # (M,)
    return T * T * (divergence * scaled).sum(), (p, q, scaled, T)


@op
def soft_cross_entropy_backward(dloss: Array, cache: tuple[Array, ...]) -> Array:
    """dloss () -> dx (M, C)"""
    p, q, scaled, T = cache
    return T * (q - p) * scaled[:, None] * dloss


def soft(x: Array, T: float) -> tuple[Array, Array]:
    """x (M, C) -> softmax(x / T) and its logarithm; an excluded class (finfo.min) has probability 0."""
    shifted = (x - x.max(-1, keepdims=True)) * (1 / T)  # (M, C)
    probs, _ = softmax(shifted)
    return probs, shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
