"""Twin of core/layers/feed_forward.py. Of the two wide arrays only z is kept, without its bias; the activation comes again."""

from typing import Any

from albert_np.engine.gpu.activations import activation, slope_times
from albert_np.engine.gpu.launch import contiguous
from albert_np.engine.gpu.linear import linear, linear_backward, times


def feed_forward(x: Any, p: Any, act: str) -> tuple[Any, Any]:
    """x (N, H); p.intermediate (H, F), p.output (F, H) -> y (N, H)"""
    x = contiguous(x)
    z = times(x, p.intermediate)  # (N, F)
    a, _ = activation(z, act, p.intermediate.b)  # (N, F)
    y, _ = linear(a, p.output)  # (N, H)
    return y, (x, z)


def feed_forward_backward(dy: Any, cache: Any, p: Any, g: Any, act: str) -> Any:
    """dy (N, H) -> dx (N, H); adds into g.intermediate and g.output"""
    x, z = cache
    a, _ = activation(z, act, p.intermediate.b)  # (N, F)
    dz = linear_backward(dy, a, p.output, g.output)  # (N, F), so far da
    slope_times(dz, z, p.intermediate.b, act, dz)
    return linear_backward(dz, x, p.intermediate, g.intermediate)  # (N, H)
