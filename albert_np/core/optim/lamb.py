"""LAMB (You et al. 2020): AdamW's update, rescaled in each tensor to the size of its weights.

    u = m / (√v + ε) + λ w         w -= lr (‖w‖ / ‖u‖) u

The trust ratio ‖w‖ / ‖u‖ is 1 for biases and layer norms, and where a norm is 0. It also takes the missing bias correction out of
the first steps (lamb_optimizer.py), but not for biases and layer norms.
"""

import numpy as np

from albert_np.core.dispatch import Array, op
from albert_np.core.optim.adamw import OptimizerState, apply, moments, takes_decay
from albert_np.core.params import Tree


@op
def lamb_step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float]) -> None:
    """One update, in place. rates: {tensor name: factor of lr}"""
    updates = Tree(params.form, moments(grads.flat, state))
    for (name, w), (_, u) in zip(params.items(), updates.items()):
        rate = lr * rates.get(name, 1.0)
        if takes_decay(name, state):
            u += state.options["weight_decay"] * w
            u *= trust_ratio(norm(w), norm(u))
        apply(w, u, rate, decay=0.0)


def norm(x: Array) -> Array:
    """‖x‖, a 0-d array"""
    return np.sqrt((x * x).sum())


def trust_ratio(w_norm: Array, u_norm: Array) -> Array:
    """‖w‖ / ‖u‖, or 1 where one of them is 0; arrays of one shape."""
    usable = (w_norm > 0) & (u_norm > 0)
    return np.where(usable, w_norm / np.where(usable, u_norm, 1.0), 1.0)
