"""AdamW and LAMB: the gradient's running mean, divided by the root of its running mean square.

    m = β₁ m + (1 - β₁) g          v = β₂ v + (1 - β₂) g²
    u = m / (√v + ε) + λ w         (no λ w for biases and layer norms)
    AdamW:  w -= lr u              LAMB:  w -= lr (‖w‖ / ‖u‖) u

AdamW (Loshchilov & Hutter 2019) is as in ALBERT's code (optimization.py): by default m and v are not corrected for their bias to
zero, so the first steps are several times too long, and ε is outside the root. With `bias_correction` m and v are divided by
1 - βᵗ first, as in the papers and in torch; with `decay_all` biases and layer norms are decayed like all others, as in torch.

LAMB (You et al. 2020) rescales the update of each tensor to the size of its weights. The trust ratio ‖w‖ / ‖u‖ is 1 for biases
and layer norms, and where a norm is 0. Dividing by ‖u‖ also cancels the scale error of uncorrected
moments (lamb_optimizer.py), but not for biases and layer norms.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array, op
from albert_np.core.params import Tree

DEFAULTS: dict[str, Any] = dict(beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01, bias_correction=False, decay_all=False)


class OptimizerState(SimpleNamespace):
    """name; count (updates so far); m and v (trees of moments); options."""

    name: str
    count: int
    m: Any
    v: Any
    options: dict[str, Any]


@op
def adamw_step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float]) -> None:
    """One update, in place. rates: {tensor name: factor of lr}"""
    updates = Tree(params.form, adam_update(grads.flat, state))  # advances m and v
    for (name, w), (_, u) in zip(params.items(), updates.items()):
        apply(w, u, lr * rates.get(name, 1.0), state.options["weight_decay"] if takes_decay(name, state) else 0.0)


@op
def lamb_step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float]) -> None:
    """One update, in place. rates: {tensor name: factor of lr}"""
    updates = Tree(params.form, adam_update(grads.flat, state))
    for (name, w), (_, u) in zip(params.items(), updates.items()):
        rate = lr * rates.get(name, 1.0)
        if takes_decay(name, state):
            u += state.options["weight_decay"] * w
            u *= trust_ratio(norm(w), norm(u))
        apply(w, u, rate, decay=0.0)


def adam_update(g: Array, state: OptimizerState) -> Array:
    """Advance m and v by the gradient, in place, and return m / (√v + ε), the update without its decay. All are flat arrays."""
    beta1, beta2, eps = (state.options[key] for key in ("beta1", "beta2", "eps"))
    m, v = state.m.flat, state.v.flat
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * (g * g)
    if not state.options["bias_correction"]:
        return m / (np.sqrt(v) + eps)
    return m / (1 - beta1**state.count) / (np.sqrt(v / (1 - beta2**state.count)) + eps)


def apply(w: Array, u: Array, rate: float, decay: float) -> None:
    """w -= rate (u + λ w), in place; changes u, too."""
    if decay:
        u += decay * w
    w -= rate * u


def takes_decay(name: str, state: OptimizerState) -> bool:
    """Whether a tensor takes weight decay, and in LAMB a trust ratio: all but biases and layer norms (Google's exclusions)."""
    return bool(state.options["decay_all"]) or name.rsplit(".", 1)[-1] not in ("b", "gamma", "beta")


def norm(x: Array) -> Array:
    """‖x‖, a 0-d array"""
    return np.sqrt((x * x).sum())


def trust_ratio(w_norm: Array, u_norm: Array) -> Array:
    """‖w‖ / ‖u‖, or 1 where one of them is 0; arrays of one shape."""
    usable = (w_norm > 0) & (u_norm > 0)
    return np.where(usable, w_norm / np.where(usable, u_norm, 1.0), 1.0)
