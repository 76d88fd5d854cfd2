"""Clipping by the global norm (Pascanu et al. 2013): all gradients are scaled together, so their direction stays."""

from typing import Any

import numpy as np

from albert_np.core.params import Tree


def clip(grads: Tree, max_norm: float) -> Any:
    """Scale grads in place so that their global norm is at most max_norm -> the norm before, a 0-d array.

    A norm that is not finite is left for the caller to see: the gradients then stay as they are.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive, not {max_norm}")
    norm = np.sqrt((grads.flat * grads.flat).sum())
    grads.flat *= factor(norm, max_norm)
    return norm


def factor(norm: Any, max_norm: float) -> Any:
    """By what gradients of this norm are scaled: a 0-d array, 1 if the norm is small enough or not finite."""
    scale = np.where(norm > max_norm, max_norm / np.maximum(norm, max_norm), 1.0)
    return np.where(np.isfinite(norm), scale, 1.0)
