"""Twin of core/optim/adamw.py: one pass over the flat buffers, a block at a time.

In the textbook each line of the formula walks through the whole of its arrays. Here a block of m, v, g and w comes into the
cache once, goes through all the lines, and leaves.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np

BLOCK = 1 << 15  # numbers


def moments(m: Any, v: Any, g: Any, u: Any, state: SimpleNamespace) -> None:
    """Advance m and v by g, in place; u = m / (√v + ε). All (n,)."""
    beta1, beta2, eps = (state.options[key] for key in ("beta1", "beta2", "eps"))
    m *= beta1
    m += np.multiply(g, 1 - beta1, out=u)
    v *= beta2
    np.multiply(g, g, out=u)
    u *= 1 - beta2
    v += u
    if state.options["bias_correction"]:
        np.multiply(v, 1 / (1 - beta2**state.count), out=u)
        np.sqrt(u, out=u)
        u += eps
        u *= 1 - beta1**state.count
    else:
        np.sqrt(v, out=u)
        u += eps
    np.divide(m, u, out=u)


def adam_step(spans: Any, params: Any, grads: Any, state: SimpleNamespace, lr: float) -> None:
    """One update, in place. spans: (start, stop, decayed, factor of lr) for every tensor, in the flat arrays params and grads."""
    decay, lamb, m, v = state.options["weight_decay"], state.name == "lamb", state.m.flat, state.v.flat
    u = np.empty_like(params, shape=max((stop - start for start, stop, *_ in spans), default=0) if lamb else BLOCK)
    product = np.empty_like(params, shape=BLOCK)
    for start, stop, decayed, scale in spans:
        rate = lr * scale
        w_square = u_square = 0.0
        for at in range(start, stop, BLOCK):
            end = min(at + BLOCK, stop)
            w, here = params[at:end], u[at - start : end - start] if lamb else u[: end - at]
            moments(m[at:end], v[at:end], grads[at:end], here, state)
            if decayed:
                here += np.multiply(w, decay, out=product[: end - at])
            if decayed and lamb:
                w_square += float(np.vecdot(w, w))
                u_square += float(np.vecdot(here, here))
            else:
                here *= rate
                w -= here
        if decayed and lamb:  # the whole tensor's norms are needed before its first number can be moved
            ratio = (w_square / u_square) ** 0.5 if w_square > 0 and u_square > 0 else 1.0
            params[start:stop] -= np.multiply(u[: stop - start], rate * ratio, out=u[: stop - start])
