"""A residual connection and its layer norm, after the operation ("post-norm"; Vaswani et al. 2017, section 5.4).

    y = LN(x + drop(f))

A sum hands its gradient to both its terms: what the layer norm returns goes to x as it is, and to f through the dropout.
"""

from typing import Any

from albert_np.core.layers.dropout import dropout, dropout_backward
from albert_np.core.layers.layer_norm import layer_norm, layer_norm_backward
from albert_np.core.random import Dropout


def residual(x: Any, f: Any, p: Any, eps: float = 1e-12, rate: float = 0.0, rng: Dropout | None = None) -> tuple[Any, Any]:
    """x, f (N, W); p.gamma, p.beta (W,) -> y (N, W)"""
    dropped, c_drop = dropout(f, rate, rng)
    y, c_norm = layer_norm(x + dropped, p, eps)
    return y, (c_drop, c_norm)


def residual_backward(dy: Any, cache: Any, p: Any, g: Any) -> tuple[Any, Any]:
    """dy (N, W) -> dx, df (N, W); adds into g.gamma and g.beta"""
    c_drop, c_norm = cache
    dx = layer_norm_backward(dy, c_norm, p, g)
    return dx, dropout_backward(dx, c_drop)
