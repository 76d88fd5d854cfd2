"""The feed-forward network: every token by itself, through a wider layer and back (Vaswani et al. 2017).

y = act(x w₁ + b₁) w₂ + b₂
"""

from typing import Any

from albert_np.core.layers.activations import activation, activation_backward
from albert_np.core.layers.linear import linear, linear_backward


def feed_forward(x: Any, p: Any, act: str) -> tuple[Any, Any]:
    """x (N, H); p.intermediate (H, F), p.output (F, H) -> y (N, H)"""
    z, c_in = linear(x, p.intermediate)  # (N, F)
    a, c_act = activation(z, act)  # (N, F)
    y, c_out = linear(a, p.output)  # (N, H)
    return y, (c_in, c_act, c_out)


def feed_forward_backward(dy: Any, cache: Any, p: Any, g: Any, act: str) -> Any:
    """dy (N, H) -> dx (N, H); adds into g.intermediate and g.output"""
    c_in, c_act, c_out = cache
    da = linear_backward(dy, c_out, p.output, g.output)  # (N, F)
    dz = activation_backward(da, c_act, act)  # (N, F)
    return linear_backward(dz, c_in, p.intermediate, g.intermediate)  # (N, H)
