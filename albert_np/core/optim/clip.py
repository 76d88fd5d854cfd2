"""Clipping by the global norm (Pascanu et al. 2013): all gradients are scaled together, so their direction stays."""

import numpy as np

from albert_np.core.dispatch import Array, op
from albert_np.core.params import Tree


@op
def clip(grads: Tree, max_norm: float) -> Array:
    """Scale grads in place to a global norm of at most max_norm (not if it is infinite or NaN); return the norm before, 0-d."""
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive, not {max_norm}")
    norm = np.sqrt((grads.flat * grads.flat).sum())
    grads.flat *= clip_factor(norm, max_norm)
    return norm


def clip_factor(norm: Array, max_norm: float) -> Array:
    """The factor for gradients of this norm: a 0-d array, 1 if the norm is small enough or not finite."""
    scale = np.where(norm > max_norm, max_norm / np.maximum(norm, max_norm), 1.0)
    return np.where(np.isfinite(norm), scale, 1.0)
