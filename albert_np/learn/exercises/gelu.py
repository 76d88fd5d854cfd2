"""gelu: the activation of the feed-forward network, in ALBERT's approximation by tanh."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from albert_np.core.layers.activations import ACTIVATIONS
from albert_np.learn.exercise import Case, Exercise, Names, normal


def make_case(seed: int, N: int, W: int) -> Case:
    return Case(seed=seed, x=1.5 * normal(seed, "x", N, W), dy=normal(seed, "dy", N, W), sizes={"N": N, "W": W})


def terms(c: Case, local: dict[str, Any], right: dict[str, Any]) -> dict[str, dict[str, Any]]:
    t, x, slope = local["t"], local["x"], local["slope"]
    return {
        "dx": {
            "dy (1 + t) / 2": c.dy * 0.5 * (1 + t),
            "dy x (1 - t²) slope / 2": c.dy * 0.5 * x * (1 - t * t) * slope,
        }
    }


@contextmanager
def replace(exercise: Exercise, names: Names) -> Iterator[None]:
    """gelu_new is an entry of the table of activations; kernels that contain it are switched off with `activation`."""
    from albert_np.core import override
    from albert_np.core.layers import activation
    from albert_np.core.layers.activations import activation_backward

    plain, plain_backward = activation.__wrapped__, activation_backward.__wrapped__
    before = ACTIVATIONS["gelu_new"]
    ACTIVATIONS["gelu_new"] = names["gelu_new"], names["gelu_new_backward"]
    try:
        with override(activation, plain, plain_backward):
            yield
    finally:
        ACTIVATIONS["gelu_new"] = before


EXERCISE = Exercise(
    name="gelu",
    title="The gradient of an activation",
    minutes=20,
    needs=("linear",),
    text="""
    y = x (1 + t) / 2        t = tanh u        u = √(2/π) (x + 0.044715 x³)        x, y (N, W)

    The activation acts on each element by itself, so this is a derivative of a function of one number: the product rule
    (x stands in front and within t), then the chain rule through tanh and u. The forward pass keeps x and t.
    """,
    imports="import math\n\nimport numpy as np",
    given=(
        "core.layers.activations.SQRT_2_OVER_PI",
        "core.layers.activations.CUBIC",
        "core.layers.activations.gelu_new",
    ),
    solve=("core.layers.activations.gelu_new_backward",),
    stub='''
def gelu_new_backward(dy, cache):
    """dy (N, W) -> dx (N, W)"""
    x, t = cache
    slope = ...  # (N, W), the derivative of u by x
    return ...  # (N, W)
''',
    hints=(
        "Write y = x · (1 + t) / 2 as a product of two functions of x. Its derivative has two terms.",
        "The derivative of tanh u is (1 - tanh² u) u'. The forward pass has kept t = tanh u, so no tanh is needed here.",
        "u' = √(2/π) (1 + 3 · 0.044715 x²). Together: dy/dx = (1 + t) / 2 + x (1 - t²) u' / 2.",
        "Multiply the derivative by dy, element by element: that is the chain rule with everything above this layer.",
    ),
    derivation="""
    With u = √(2/π) (x + 0.044715 x³), t = tanh u, y = x (1 + t) / 2. The primes are derivatives by x:

        u' = √(2/π) (1 + 3 · 0.044715 x²)
        t' = (1 - t²) u'
        y' = (1 + t) / 2 + x t' / 2            the product rule: the factor x moves, and the factor (1 + t) / 2 moves
        dx = dy · y'
    """,
    make=make_case,
    sizes=((5, 4), (7, 3), (4, 6), (6, 5)),
    forward=lambda names, c: names["gelu_new"](c.x),
    steps={"slope": "the derivative of u"},
    terms=terms,
    large=(512, 128),
    replace=replace,
    notebook="06_gelu",
)
