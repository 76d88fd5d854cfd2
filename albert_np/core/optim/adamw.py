"""AdamW and LAMB. They share Adam's moments; LAMB adds one idea, the trust ratio.

    m = β₁ m + (1 - β₁) g          v = β₂ v + (1 - β₂) g²
    u = m / (√v + ε) + λ w         (no λ w for biases and layer norms)

    AdamW    w -= lr u                             (Loshchilov & Hutter 2019)
    LAMB     w -= lr (‖w‖ / ‖u‖) u                 (You et al. 2020; per tensor; the ratio is 1 for biases and layer norms,
                                                    and where a norm is 0)

These are Google's forms (lamb_optimizer.py, optimization.py): by default no correction of the moments' bias towards zero, and ε
outside the root. Adam's first steps are then several times too long; in LAMB the trust ratio takes that factor back out, but not
for biases and layer norms. With `bias_correction` m and v are divided by 1 - βᵗ first, as in the papers and in torch; with
`decay_all` biases and layer norms are treated as all others, as torch.optim.AdamW does if it is given one group of parameters.

>>> import albert_np as ab
>>> model = ab.AlbertForMaskedLM(ab.AlbertConfig.preset("tiny"), seed=0)
>>> row = dict(input_ids=[[2, 4, 16, 3]], labels=[[-100, 15, -100, -100]])
>>> state = init("lamb", model.params)
>>> before, grads = model.loss_and_gradients(**row)
>>> step(model.params, grads, state, lr=0.01)
>>> after, _ = model.loss_and_gradients(**row)
>>> bool(after < before), state.count
(True, 1)
"""

from types import SimpleNamespace
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import twins_of
from albert_np.core.params import Tree
from albert_np.engine.loss_scale import LossScale

DEFAULTS: dict[str, Any] = dict(beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01, bias_correction=False, decay_all=False)
NAMES = ("adamw", "lamb")


def init(name: str, params: Tree, **options: Any) -> SimpleNamespace:
    """A fresh state for "adamw" or "lamb": .name, .count (updates so far), .m and .v (trees of zeros), .options, and .part, the
    part of the flat buffer that m and v are of: all of it, but where they are divided among processes.

    Options: beta1, beta2, eps, weight_decay, bias_correction, decay_all. Raises ValueError for others.
    """
    if name not in NAMES:
        raise ValueError(f"unknown optimizer {name!r}; there are {' and '.join(NAMES)}")
    for key in options:
        if key not in DEFAULTS:
            raise ValueError(f"unknown option {key!r} of {name}; there are {', '.join(DEFAULTS)}")
    m, v = params.zeros_like(), params.zeros_like()
    return SimpleNamespace(name=name, count=0, m=m, v=v, part=slice(None), options={**DEFAULTS, **options})


def is_decayed(name: str) -> bool:
    """Whether a tensor takes weight decay and a trust ratio: all but biases and layer norms (Google's exclusions)."""
    return name.rsplit(".", 1)[-1] not in ("b", "gamma", "beta")


def moments(params: Tree, grads: Tree, state: SimpleNamespace) -> Any:
    """Advance m and v by one step, in place, and return m / (√v + ε), u without its decay, as a flat array."""
    beta1, beta2, eps = (state.options[key] for key in ("beta1", "beta2", "eps"))
    m, v, g = state.m.flat, state.v.flat, grads.flat
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * (g * g)
    if not state.options["bias_correction"]:
        return m / (np.sqrt(v) + eps)
    return m / (1 - beta1**state.count) / (np.sqrt(v / (1 - beta2**state.count)) + eps)


def step(
    params: Tree,
    grads: Tree,
    state: SimpleNamespace,
    lr: float,
    scales: dict[str, float] | None = None,
    loss_scale: LossScale | None = None,
) -> None:
    """One update of params and state, in place. lr is a Python float.

    scales: {name: factor of lr}, 1 for a name that is not there; a tensor whose factor is 0 stays as it is (see `optim.layers`).
    loss_scale: of a loss that was scaled: where its `finite` is 0, on the device, nothing changes.
    """
    state.count += 1
    scales = scales or {}
    if loss_scale is not None and not (backend.has_kernels(params.flat) and twins_of(params.flat)):
        raise ValueError("loss_scale: only the optimiser of kernels/gpu can leave out an update; expected None")
    if twins := twins_of(params.flat):
        more = () if loss_scale is None else (loss_scale,)
        twins.adam_step(spans(params, state, scales), params.flat, grads.flat, state, lr, *more)
        return
    updates = Tree(params.form, moments(params, grads, state))
    decay = state.options["weight_decay"]
    for (name, w), (_, u) in zip(params.items(), updates.items()):
        rate = lr * scales.get(name, 1.0)
        if not takes_decay(name, state):
            w -= rate * u
            continue
        u += decay * w
        w -= rate * (trust_ratio(w, u) * u if state.name == "lamb" else u)


def takes_decay(name: str, state: SimpleNamespace) -> bool:
    """Whether a tensor is decayed, and by LAMB scaled, under these options."""
    return bool(state.options["decay_all"]) or is_decayed(name)


def spans(params: Tree, state: SimpleNamespace, scales: dict[str, float]) -> list[tuple[int, int, bool, float]]:
    """(start, stop, takes decay, factor of lr) of every tensor within the flat buffer."""
    return [
        (start, stop, takes_decay(name, state), scales.get(name, 1.0)) for name, (start, stop) in params.spans().items()
    ]  # fmt: skip


def trust_ratio(w: Any, u: Any) -> Any:
    """‖w‖ / ‖u‖, or 1 where one of them is 0: a 0-d array, so that the host need not wait for it."""
    return ratio(np.sqrt((w * w).sum()), np.sqrt((u * u).sum()))


def ratio(w_norm: Any, u_norm: Any) -> Any:
    """‖w‖ / ‖u‖ from the two norms, arrays of one shape."""
    usable = (w_norm > 0) & (u_norm > 0)
    return np.where(usable, w_norm / np.where(usable, u_norm, 1.0), 1.0)
