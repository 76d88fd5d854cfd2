"""Twin of core/layers/feed_forward.py. Of the two wide arrays only z is kept; a = act(z) comes again with its slope."""

from typing import Any

import numpy as np

from albert_np.engine.cpu.activations import ACTIVATIONS, activation
from albert_np.engine.cpu.blocks import blocks
from albert_np.engine.cpu.linear import linear, linear_backward


def feed_forward(x: Any, p: Any, act: str) -> tuple[Any, Any]:
    """x (N, H); p.intermediate (H, F), p.output (F, H) -> y (N, H)"""
    z, _ = linear(x, p.intermediate)  # (N, F)
    a, _ = activation(z, act)  # (N, F)
    y, _ = linear(a, p.output)  # (N, H)
    return y, (x, z)


def feed_forward_backward(dy: Any, cache: Any, p: Any, g: Any, act: str) -> Any:
    """dy (N, H) -> dx (N, H); adds into g.intermediate and g.output"""
    x, z = cache
    slope, a, dz = ACTIVATIONS[act][1], np.empty_like(z), np.empty_like(z)  # (N, F)
    for rows in blocks(z):
        slope(z[rows], dz[rows], value=a[rows])
    dz *= linear_backward(dy, a, p.output, g.output)  # slope times da
    return linear_backward(dz, x, p.intermediate, g.intermediate)  # (N, H)
