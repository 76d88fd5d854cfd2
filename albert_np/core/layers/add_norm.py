"""A residual connection and its layer norm, after the operation ("post-norm"; Vaswani et al. 2017, section 5.4).

    y = LN(x + drop(f))

A sum passes its gradient on to both of its terms: to x as it is, and to f through the dropout.
"""

from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.layers.dropout import dropout, dropout_backward
from albert_np.core.layers.layer_norm import layer_norm, layer_norm_backward
from albert_np.core.params import Namespace
from albert_np.core.random import Key


@op
def add_norm(x: Array, f: Array, p: Namespace, eps: float, rate: float = 0, dropout_key: Key = None) -> tuple[Array, Cache]:
    """x, f (N, W); p.gamma, p.beta (W,) -> y (N, W)"""
    dropped, c_dropout = dropout(f, rate, dropout_key)  # (N, W)
    y, c_norm = layer_norm(x + dropped, p, eps)  # (N, W)
    return y, (c_dropout, c_norm)


@op
def add_norm_backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> tuple[Array, Array]:
    """dy (N, W) -> dx, df (N, W); adds to g.gamma and g.beta"""
    c_dropout, c_norm = cache
    dx = layer_norm_backward(dy, c_norm, p, g)  # (N, W)
    return dx, dropout_backward(dx, c_dropout)
