"""Hierarchical fusion: representations of several levels become one, pairwise up the levels.

    h = fuse(low, high) = tanh(W [low; high] + b)
    fusion_layers = (4, 8, 12):   f₁ = fuse(h₄, h₈)      f₂ = fuse(f₁, h₁₂)

Each fusion has parameters of its own, and the gradient returns to every level that was used.
"""

import numpy as np

from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.layers.activations import tanh, tanh_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.params import Namespace


@op
def fuse(low: Array, high: Array, p: Namespace) -> tuple[Array, Cache]:
    """low, high (N, H); p.w (2H, H), p.b (H,) -> h (N, H)"""
    both = np.concatenate([low, high], axis=-1)  # (N, 2H)
    z, c_linear = linear(both, p)  # (N, H)
    h, c_tanh = tanh(z)  # (N, H)
    return h, (c_linear, c_tanh)


@op
def fuse_backward(dh: Array, cache: Cache, p: Namespace, g: Namespace) -> tuple[Array, Array]:
    """dh (N, H) -> dlow, dhigh (N, H); adds to g.w and g.b"""
    c_linear, c_tanh = cache
    dz = tanh_backward(dh, c_tanh)  # (N, H)
    dboth = linear_backward(dz, c_linear, p, g)  # (N, 2H)
    dlow, dhigh = np.split(dboth, 2, axis=-1)  # (N, H) each
    return dlow, dhigh


def fuse_levels(hidden: list[Array], p: list[Namespace], levels: tuple[int, ...]) -> tuple[Array, list[Cache]]:
    """hidden: L + 1 of (N, H); p: one fusion per level after the first -> (N, H). Without levels, the last hidden state."""
    if not levels:
        return hidden[-1], []
    fused, caches = hidden[levels[0]], []
    for level, p_fusion in zip(levels[1:], p):
        fused, cache = fuse(fused, hidden[level], p_fusion)  # (N, H)
        caches.append(cache)
    return fused, caches


def fuse_levels_backward(
    dfused: Array, cache: list[Cache], p: list[Namespace], g: list[Namespace], levels: tuple[int, ...], L: int
) -> list[Array | None]:
    """dfused (N, H) -> the gradient (N, H) of each of the L + 1 hidden states, or None"""
    dhidden: list[Array | None] = [None] * L + [dfused]
    if not levels:
        return dhidden
    dhidden[-1] = np.zeros_like(dfused)  # if the top layer is not one of the levels, nothing comes from it
    for level, c, p_fusion, g_fusion in zip(levels[:0:-1], reversed(cache), reversed(p), reversed(g)):
        dfused, dhidden[level] = fuse_backward(dfused, c, p_fusion, g_fusion)
    dhidden[levels[0]] = dfused
    return dhidden
