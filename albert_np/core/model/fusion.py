"""Hierarchical fusion: representations of several levels become one, pairwise up the levels.

    fusion_layers = (4, 8, 12):   f₁ = fuse(h₄, h₈)      f₂ = fuse(f₁, h₁₂)

Each fusion has parameters of its own, and the gradient returns to every level that was used.
"""

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.layers import fuse, fuse_backward
from albert_np.core.params import Namespace


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
