"""Twin of core/layers/pooler.py: the twins of its parts, the bias with the tanh."""

from typing import Any

from albert_np.engine.gpu.activations import activation, activation_backward
from albert_np.engine.gpu.gather import gather, gather_backward
from albert_np.engine.gpu.linear import linear_backward, times


def pooler(x: Any, p: Any, sequences: Any) -> tuple[Any, Any]:
    """x (N, H), p.w (H, H), p.b (H,) -> y (B, H)"""
    first, c_gather = gather(x, sequences.first_rows(x))  # (B, H)
    y, c_tanh = activation(times(first, p), "tanh", p.b)
    return y, (c_gather, first, c_tanh)


def pooler_backward(dy: Any, cache: Any, p: Any, g: Any) -> Any:
    """dy (B, H) -> dx (N, H), zero but for the first rows; adds into g.w and g.b"""
    c_gather, first, c_tanh = cache
    return gather_backward(linear_backward(activation_backward(dy, c_tanh, "tanh"), first, p, g), c_gather)
