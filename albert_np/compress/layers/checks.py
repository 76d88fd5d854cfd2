"""The gradient checks of the operations of compressed weights; importing this file adds them to `gradcheck.CHECKS`."""

import numpy as np

from albert_np.compress import layers
from albert_np.compress.layers.factored import FactoredForm
from albert_np.core.layers import linear, linear_backward
from albert_np.gradcheck.checker import rows
from albert_np.gradcheck.examples import N, normal, parameters, put
from albert_np.gradcheck.layer_checks import F, H
from albert_np.gradcheck.registry import Rows, named


@named("linear, in factors")
def factored(seed: int) -> Rows:
    p = parameters({"map": FactoredForm(H, F, 5)}, seed)
    return rows(
        lambda x, p: linear(x, p.map), lambda dy, cache, p, g: linear_backward(dy, cache, p.map, g.map),
        {"x": normal(seed, "x", N, H)}, p, seed=seed,
    )  # fmt: skip


@named("masked")
def masked(seed: int) -> Rows:
    inputs = {name: normal(seed, name, H, F) for name in ("w", "s")}  # a mask of any numbers: the derivative is that at 0 and 1
    return rows(layers.apply_mask, layers.apply_mask_backward, inputs, seed=seed)


@named("fake_quantise, straight through")
def fake_quantise(seed: int) -> Rows:
    """The function whose derivative the straight-through gradient is: clipping, with the error of rounding held fixed."""
    w, q = normal(seed, "w", F, H), 3
    steps = put(0.2 + 0.2 * np.abs(normal(seed, "steps", F, 1)))
    end = (q + 0.5) * steps  # weights beyond the grid, which are clipped
    error = layers.fake_quantise(put(w), steps, q)[0] - np.clip(put(w), -end, end)
    return rows(
        lambda w: (np.clip(w, -end, end) + error, layers.fake_quantise(w, steps, q)[1]),
        layers.fake_quantise_backward, {"w": w}, seed=seed, kinks=True,
    )  # fmt: skip
