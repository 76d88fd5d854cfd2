"""Twin of core/layers/add_norm.py: the twins of its parts; the sum takes the place of what dropout left."""

from typing import Any

import numpy as np

from albert_np.core.random import Dropout
from albert_np.engine.cpu.dropout import dropout, dropout_backward
from albert_np.engine.cpu.layer_norm import layer_norm, layer_norm_backward


def residual(x: Any, f: Any, p: Any, eps: float = 1e-12, rate: float = 0.0, rng: Dropout | None = None) -> tuple[Any, Any]:
    """x, f (N, W); p.gamma, p.beta (W,) -> y (N, W)"""
    dropped, c_drop = dropout(f, rate, rng)
    y, c_norm = layer_norm(np.add(x, dropped, out=None if c_drop is None else dropped), p, eps)
    return y, (c_drop, c_norm)


def residual_backward(dy: Any, cache: Any, p: Any, g: Any) -> tuple[Any, Any]:
    """dy (N, W) -> dx, df (N, W); adds into g.gamma and g.beta"""
    c_drop, c_norm = cache
    dx = layer_norm_backward(dy, c_norm, p, g)
    return dx, dropout_backward(dx, c_drop)
