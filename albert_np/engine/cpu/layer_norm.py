"""Kernel of core/layers/layer_norm.py, a block of rows at a time."""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.params import Namespace
from albert_np.engine.cpu.blocks import blocks


def layer_norm(x: Array, p: Namespace, eps: float = 1e-12) -> tuple[Array, Array]:
    """x (N, W), p.gamma (W,), p.beta (W,) -> y (N, W)"""
    N, W = x.shape
    y, xhat, rstd = np.empty_like(x, shape=(N, W)), np.empty_like(x, shape=(N, W)), np.empty_like(x, shape=(N, 1))
    average = np.full_like(p.gamma, 1 / W)  # x @ average, a product, is quicker than x.mean
    for rows in blocks(x):
        centred = np.subtract(x[rows], (x[rows] @ average)[:, None], out=xhat[rows])
        r = np.vecdot(centred, centred, out=rstd[rows, 0])  # W times the variance
        r *= 1 / W
        r += eps
        np.sqrt(r, out=r)
        np.divide(1, r, out=r)
        centred *= rstd[rows]
        np.multiply(centred, p.gamma, out=y[rows])
        y[rows] += p.beta
    return y, (xhat, rstd)


def scale_and_shift(xhat: Array, p: Namespace) -> Array:
    """xhat (N, W) -> γ x̂ + β (N, W), in the operations of `layer_norm`"""
    y = np.empty_like(xhat)
    for rows in blocks(xhat):
        np.multiply(xhat[rows], p.gamma, out=y[rows])
        y[rows] += p.beta
    return y


def layer_norm_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> Array:
    """dy (N, W) -> dx (N, W); adds to g.gamma and g.beta"""
    xhat, rstd = cache
    N, W = dy.shape
    dx = np.empty_like(dy, shape=(N, W))
    for rows in blocks(dy):
        d, h, out = dy[rows], xhat[rows], dx[rows]
        product = d * h
        g.gamma += product.sum(0)
        g.beta += d.sum(0)
        mean = (d @ p.gamma)[:, None] * (1 / W)  # mean dx̂, as dx̂ = γ dy
        mean_product = (product @ p.gamma)[:, None] * (1 / W)  # mean(dx̂ x̂)
        np.multiply(d, p.gamma, out=out)
        out -= mean
        out -= np.multiply(h, mean_product, out=product)
        out *= rstd[rows]
    return dx
