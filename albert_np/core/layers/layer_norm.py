"""Layer normalisation (Ba et al. 2016), each row by itself.

    x̂ = (x - μ) / σ,   μ = mean x,   σ² = mean (x - μ)² + ε          y = γ x̂ + β

With dx̂ = γ dy. x̂ depends on x directly, through μ and through σ:

    ∂x̂_j/∂x_i = (δ_ij - 1/W - x̂_i x̂_j / W) / σ

because ∂μ/∂x_i = 1/W, ∂σ/∂x_i = x̂_i / W (the part through μ vanishes: Σ (x - μ) = 0). Summed over j:

    dx = (dx̂ - mean dx̂ - x̂ mean(dx̂ x̂)) / σ

Of the gradient that arrives, the part along the constant row and the part along x̂ are removed: neither shifting nor (but for
ε) scaling a row would have changed y.
"""

from typing import Any

import numpy as np


def rows_mean(x: Any) -> Any:
    """(N, W) -> (N, 1)"""
    return x.mean(-1, keepdims=True)


def layer_norm(x: Any, p: Any, eps: float = 1e-12) -> tuple[Any, Any]:
    """x (N, W), p.gamma (W,), p.beta (W,) -> y (N, W). The variance is the biased one (divided by W)."""
    centred = x - rows_mean(x)  # (N, W)
    rstd = 1 / np.sqrt(rows_mean(centred * centred) + eps)  # (N, 1)
    xhat = centred * rstd  # (N, W)
    return xhat * p.gamma + p.beta, (xhat, rstd)


def layer_norm_backward(dy: Any, cache: Any, p: Any, g: Any) -> Any:
    """dy (N, W) -> dx (N, W); adds into g.gamma and g.beta"""
    xhat, rstd = cache
    g.gamma += (dy * xhat).sum(0)  # (W,)
    g.beta += dy.sum(0)  # (W,)
    dxhat = dy * p.gamma  # (N, W)
    return rstd * (dxhat - rows_mean(dxhat) - xhat * rows_mean(dxhat * xhat))
