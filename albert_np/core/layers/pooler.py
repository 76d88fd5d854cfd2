"""The pooler: one vector for a whole sequence, from its first token (Devlin et al. 2018).

y_b = tanh(x[first row of b] w + b)
"""

from typing import Any

from albert_np.core.layers.activations import tanh, tanh_backward
from albert_np.core.layers.gather import gather, gather_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.sequences import Sequences


def pooler(x: Any, p: Any, sequences: Sequences) -> tuple[Any, Any]:
    """x (N, H), p.w (H, H), p.b (H,) -> y (B, H)"""
    first, c_gather = gather(x, sequences.first_rows(x))  # (B, H)
    z, c_linear = linear(first, p)  # (B, H)
    y, c_tanh = tanh(z)
    return y, (c_gather, c_linear, c_tanh)


def pooler_backward(dy: Any, cache: Any, p: Any, g: Any) -> Any:
    """dy (B, H) -> dx (N, H), zero but for the first rows; adds into g.w and g.b"""
    c_gather, c_linear, c_tanh = cache
    dfirst = linear_backward(tanh_backward(dy, c_tanh), c_linear, p, g)  # (B, H)
    return gather_backward(dfirst, c_gather)
