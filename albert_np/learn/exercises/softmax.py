"""softmax: scores to weights that sum to 1."""

from typing import Any

from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, *shape: int) -> Case:
    sizes = {"W": shape[-1], "N": shape[0]}
    return Case(seed=seed, x=1.5 * normal(seed, "x", *shape), dy=normal(seed, "dy", *shape), sizes=sizes)


def terms(c: Case, local: dict[str, Any], right: dict[str, Any]) -> dict[str, dict[str, Any]]:
    y = local["y"]
    return {"dx": {"of the numerator, y dy": y * c.dy, "of the denominator, y Σ dy y": -y * (c.dy * y).sum(-1, keepdims=True)}}


EXERCISE = Exercise(
    name="softmax",
    title="The gradient of the softmax",
    minutes=30,
    needs=("linear",),
    text="""
    y[i] = exp x[i] / Σ_k exp x[k]        over the last axis; x, y (..., W), with any number of axes before it

    Every x[i] is in the denominator of every y[j], so each dx[i] gets something from every dy[j] of its row.
    The forward pass keeps y; that is all the backward pass needs.
    """,
    imports="import numpy as np",
    given=("core.layers.softmax.softmax",),
    solve=("core.layers.softmax.softmax_backward",),
    stub='''
def softmax_backward(dy, y):
    """dy, y (..., W) -> dx (..., W)"""
    return ...  # (..., W)
''',
    hints=(
        "Take the derivative of y[j] by x[i] for i = j and for i ≠ j, with the quotient rule, and write both with y alone.",
        "∂y[j]/∂x[i] = y[j] (δ_ij - y[i]), where δ_ij is 1 for i = j and 0 otherwise. Now dx[i] = Σ_j dy[j] ∂y[j]/∂x[i].",
        "The part with δ gives dy[i] y[i]. In the other part y[i] does not depend on j and comes out of the sum: "
        "-y[i] Σ_j dy[j] y[j].",
        "The sum is over the last axis of each row by itself: .sum(-1, keepdims=True). dx = y (dy - Σ dy y).",
    ),
    make=make_case,
    sizes=((5, 4), (3, 5, 5), (4, 6), (2, 4, 7)),
    forward=lambda names, c: names["softmax"](c.x),
    terms=terms,
    large=(512, 128),
    notebook="04_linear_softmax_cross_entropy",
)
