"""Kernel of core/layers/layer_norm.py: a row is read once and written once."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.core.random import RandomKey
from albert_np.engine.gpu.dropout_arguments import dropout_arguments
from albert_np.engine.gpu.launch import arithmetic, contiguous, launch

MAX_THREADS = 256  # per row
PARTS = 512  # blocks of the backward pass, each of which sums a part of the rows


def threads_per_block(W: int) -> int:
    """Return the number of threads for a row: each has eight columns."""
    return min(MAX_THREADS, -(-W // 256) * 32)


def layer_norm(x: Array, p: Namespace, eps: float = 1e-12) -> tuple[Array, Cache]:
    """x (N, W), p.gamma (W,), p.beta (W,) -> y (N, W)"""
    return forward(x, None, p, eps, 0.0, None)


def forward(x: Array, f: Array, p: Namespace, eps: float, rate: float, dropout_key: RandomKey | None) -> tuple[Array, Cache]:
    """LN(x + dropout(f)); f (N, W), contiguous, or None"""
    x, (N, W) = contiguous(x), x.shape
    y, xhat, rstd = np.empty_like(x), np.empty_like(x), np.empty_like(x, shape=N, dtype=arithmetic(x.dtype))
    drop = dropout_arguments(rate, dropout_key)
    launch(
        "layer_norm", "layer_norm", x, N, threads_per_block(W), x, f, p.gamma, p.beta, *drop, np.float64(eps), y, xhat, rstd, W=W
    )
    return y, (xhat, rstd, drop)


def layer_norm_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> Array:
    """dy (N, W) -> dx (N, W); adds to g.gamma and g.beta"""
    return backward(dy, cache, p, g, None)


def backward(dy: Array, cache: Cache, p: Namespace, g: Namespace, df: Array | None) -> Array:
    """dy (N, W) -> dx (N, W). The gradient of f, dropout(dx), is written into df (N, W), unless it is None."""
    xhat, rstd, drop = cache
    dy = contiguous(dy)
    (N, W), parts = dy.shape, min(len(dy), PARTS)
    dx, sums = np.empty_like(dy), np.empty_like(rstd, shape=(2, parts, W))
    launch(
        "layer_norm", "layer_norm_backward", dy, parts, threads_per_block(W), dy, xhat, rstd, p.gamma, *drop, np.int64(N), dx, df,
        sums[0], sums[1], W=W,
    )  # fmt: skip
    g.gamma += sums[0].sum(0)
    g.beta += sums[1].sum(0)
    return dx
