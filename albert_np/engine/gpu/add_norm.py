"""Twin of core/layers/add_norm.py: sum, dropout and layer norm in one kernel, and so are their backward passes."""

from typing import Any

import numpy as np

from albert_np.core.random import Dropout
from albert_np.engine.gpu.launch import contiguous
from albert_np.engine.gpu.layer_norm import backward, forward


def residual(x: Any, f: Any, p: Any, eps: float = 1e-12, rate: float = 0.0, rng: Dropout | None = None) -> tuple[Any, Any]:
    """x, f (N, W); p.gamma, p.beta (W,) -> y (N, W)"""
    return forward(x, contiguous(f), p, eps, rate, rng)


def residual_backward(dy: Any, cache: Any, p: Any, g: Any) -> tuple[Any, Any]:
    """dy (N, W) -> dx, df (N, W); adds into g.gamma and g.beta"""
    _, _, drop = cache
    df = None if drop[0] is None else np.empty_like(dy)
    dx = backward(dy, cache, p, g, df)
    return dx, dx if df is None else df
