"""Layer normalisation (Ba et al. 2016): each row by itself gets mean 0 and variance 1, then a learned scale and shift.

    μ = mean x        σ = √(mean (x - μ)² + ε)        x̂ = (x - μ) / σ        y = γ x̂ + β

Let dx̂ = γ dy. Now x̂ depends on x directly, through μ and through σ:

    ∂x̂_j/∂x_i = (δ_ij - 1/W - x̂_i x̂_j / W) / σ

because ∂μ/∂x_i = 1/W, ∂σ/∂x_i = x̂_i / W (the part through μ vanishes: Σ (x - μ) = 0). Summed over j:

    dx = (dx̂ - mean dx̂ - x̂ mean(dx̂ x̂)) / σ

The backward pass removes from the gradient its part along the constant row and its part along x̂: neither shifting nor (but for
ε) scaling a row would have changed y.
"""

import numpy as np

from albert_np.core.dispatch import Array, op
from albert_np.core.params import Namespace


def rows_mean(x: Array) -> Array:
    """(N, W) -> (N, 1)"""
    return x.mean(-1, keepdims=True)


@op
def layer_norm(x: Array, p: Namespace, eps: float = 1e-12) -> tuple[Array, tuple[Array, Array]]:
    """x (N, W), p.gamma (W,), p.beta (W,) -> y (N, W). The variance is the biased one (divided by W)."""
    centred = x - rows_mean(x)  # (N, W)
    rstd = 1 / np.sqrt(rows_mean(centred * centred) + eps)  # (N, 1)
    xhat = centred * rstd  # (N, W)
    return xhat * p.gamma + p.beta, (xhat, rstd)  # xhat and not x: one array, and the mean need not be kept


@op
def layer_norm_backward(dy: Array, cache: tuple[Array, Array], p: Namespace, g: Namespace) -> Array:
    """dy (N, W) -> dx (N, W); adds to g.gamma and g.beta"""
    xhat, rstd = cache
    g.gamma += (dy * xhat).sum(0)  # (W,)
    g.beta += dy.sum(0)  # (W,)
    dxhat = dy * p.gamma  # (N, W)
    return rstd * (dxhat - rows_mean(dxhat) - xhat * rows_mean(dxhat * xhat))
