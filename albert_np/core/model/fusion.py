"""Hierarchical fusion: representations of several levels become one, pairwise up the levels.

    fusion_layers = (4, 8, 12):   f₁ = fuse(h₄, h₈)      f₂ = fuse(f₁, h₁₂)

Each fusion has parameters of its own, and the gradient returns into every level that was taken.
"""

from typing import Any

from albert_np.core.layers import fuse, fuse_backward


def fuse_levels(hidden: list[Any], p: Any, levels: tuple[int, ...]) -> tuple[Any, Any]:
    """hidden: L + 1 of (N, H); p: one fusion for each level after the first -> (N, H). Without levels, the last hidden state."""
    if not levels:
        return hidden[-1], []
    fused, caches = hidden[levels[0]], []
    for level, p_fusion in zip(levels[1:], p):
        fused, cache = fuse(fused, hidden[level], p_fusion)
        caches.append(cache)
    return fused, caches


def fuse_levels_backward(dfused: Any, caches: list[Any], p: Any, g: Any, levels: tuple[int, ...], L: int) -> list[Any]:
    """dfused (N, H) -> for each of the L + 1 hidden states its gradient (N, H), or None"""
    dhidden: list[Any] = [None] * (L + 1)
    if not levels:
        dhidden[-1] = dfused
        return dhidden
    for level, cache, p_fusion, g_fusion in zip(levels[:0:-1], reversed(caches), reversed(p), reversed(g)):
        dfused, dhidden[level] = fuse_backward(dfused, cache, p_fusion, g_fusion)
    dhidden[levels[0]] = dfused
    if dhidden[-1] is None:  # the top layer was not taken: nothing comes from it
        dhidden[-1] = 0 * dfused
    return dhidden
