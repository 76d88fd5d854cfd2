"""add_norm: the residual connection and its layer norm."""

from typing import Any

import numpy as np

from albert_np.core.random import RandomKey
from albert_np.learn.exercise import Case, Exercise, gradients, normal, parameters

SIZES = ((5, 9), (7, 6), (4, 11), (6, 10))


def make_case(N: int, W: int, seed: int, rate: float) -> Case:
    key = RandomKey(seed, 1, rows=np.stack([np.full(N, seed), np.arange(N)], axis=1))
    p = parameters(seed, {"gamma": (W,), "beta": (W,)})
    x, f, dy = (normal(seed, name, N, W) for name in ("x", "f", "dy"))
    return Case(seed=seed, x=x, f=2 * f, dy=dy, p=p, rate=rate, key=key, sizes={"N": N, "W": W})


def draw(seed: int) -> Case:
    return make_case(*SIZES[seed % len(SIZES)], seed, rate=(0.3, 0.5, 0.4, 0.2)[seed % 4])


def run(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    def call(g: Any) -> Any:
        return names["add_norm_backward"](c.dy, cache, c.p, g)

    return {"add_norm_backward": lambda: gradients(c, call, ("dx", "df"))}


EXERCISE = Exercise(
    name="add_norm",
    title="The gradient of a residual connection and its layer norm",
    minutes=15,
    needs=("layer_norm", "dropout"),
    text="""
    y = LN(x + drop(f))        x, f, y (N, W)

    x is the input of an operation, f its output: attention or the feed-forward network. layer_norm_backward and dropout_backward
    are there; you wrote them in earlier exercises. layer_norm_backward adds to g by itself.
    """,
    imports="from albert_np.core.layers import dropout, dropout_backward, layer_norm, layer_norm_backward",
    given=("core.layers.add_norm.add_norm",),
    solve=("core.layers.add_norm.add_norm_backward",),
    stub='''
def add_norm_backward(dy, cache, p, g):
    """dy (N, W) -> dx, df (N, W); adds to g.gamma and g.beta"""
    c_dropout, c_norm = cache
    dx = ...  # (N, W)
    df = ...  # (N, W)
    return dx, df
''',
    hints=(
        "Go backwards: first through the layer norm, to the gradient of the sum x + drop(f).",
        "A sum passes its gradient on to both of its terms, unchanged. So x gets the gradient of the sum as it is.",
        "drop(f) gets the same gradient, which still has to go back through the dropout: dropout_backward(dx, c_dropout).",
    ),
    draw=draw,
    forward=lambda names, c: names["add_norm"](c.x, c.f, c.p, 1e-12, c.rate, c.key),
    run=run,
    effort=lambda seed: make_case(256, 64, seed, 0.1),
    notebook="08_one_layer_twelve_times",
)
