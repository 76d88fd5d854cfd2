"""Weighted mean squared error, for regression.

    loss = Σ_m w_m mean_c (x_mc - y_mc)² / denominator            dx_mc = dloss · 2 (x_mc - y_mc) w_m / (C · denominator)

The denominator counts rows and is given, as for the cross-entropy.
"""

from albert_np.core.dispatch import Array, op


@op
def squared_error(x: Array, labels: Array, weights: Array, denominator: float) -> tuple[Array, tuple[Array, ...]]:
    """x, labels (M, C) numbers, weights (M,) -> loss (), a 0-d array"""
    error = x - labels.astype(x.dtype)  # (M, C)
    scaled = (weights * (1 / (denominator * x.shape[1])))[:, None]  # (M, 1)
    return (error * error * scaled).sum(), (error, scaled)


@op
def squared_error_backward(dloss: Array, cache: tuple[Array, ...]) -> Array:
    """dloss () -> dx (M, C)"""
    error, scaled = cache
    return (2 * error * scaled * dloss).astype(error.dtype, copy=False)
