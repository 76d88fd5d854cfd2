"""int8: weights as small integers, and a gradient through the rounding."""

from typing import Any

import numpy as np

from albert_np.gradcheck.mistakes.mistake import mistakes_in
from albert_np.learn.exercise import Case, Exercise, normal, not_in_the_model, returned

MISTAKES = (
    *mistakes_in("learn.references.int8.row_scales", "",
        ("np.abs(w).max(-1, keepdims=True)", "w.max(-1, keepdims=True)",
         "The largest magnitude counts; a row whose largest weight is negative gets too small a scale."),
        ("np.abs(w).max(-1, keepdims=True)", "np.abs(w).max() + 0 * w[:, :1]",
         "Each row has a scale of its own; here one serves the whole matrix, and rows of small weights lose their digits."),
        ("np.abs(w).max(-1,", "np.abs(w).mean(-1,",
         "The scale is that of the largest weight; with the mean most large ones are clipped."),
        ("largest / q", "largest / (q + 1)", "The largest integer is q: with q + 1 the largest weight is clipped."),
        ("largest / q", "largest / (2 * q)", "The grid has q steps on each side of 0, not 2 q."),
        ("largest / q", "largest", "The division by q is missing: all weights become -1, 0 or 1."),
        ("np.where(largest > 0, largest / q, 1.0)", "(largest / q)",
         "A row of zeros gets the scale 0, and w / s is not a number."),
        ("largest / q, 1.0)", "q / largest, 1.0)", "The scale is upside down: s is the size of one step."),
    ),
    *mistakes_in("learn.references.int8.fake_quantise", "",
        ("np.round(w / s)", "np.floor(w / s)", "The nearest integer is needed; this rounds down, half a step on average."),
        ("np.round(w / s)", "np.trunc(w / s)", "The nearest integer is needed; this cuts the fraction off, towards 0."),
        ("s * np.clip(n, -q, q)", "s * n", "Integers beyond the ends of the grid are not clipped to it."),
        ("s * np.clip(n, -q, q)", "np.clip(n, -q, q)", "The integers are to be multiplied by the scale again."),
        ("np.clip(n, -q, q)", "np.clip(n, -q - 1, q)",
         "The grid is symmetric around 0; this one has one integer more on the negative side."),
        ("np.clip(n, -q, q), np.abs(n) <= q", "np.clip(n, -q, q), np.abs(n) < q",
         "The ends of the grid belong to it: inside means |n| ≤ q."),
        ("np.abs(n) <= q", "np.abs(w / s) <= q", "Inside is decided by the integer after the rounding, not by w / s before it."),
        ("np.abs(n) <= q", "n <= q", "Weights that are too negative are outside as well: it is |n| ≤ q."),
    ),
    *mistakes_in("learn.references.int8.fake_quantise_backward", "",
        ("dy * inside", "dy", "Beyond the ends of the grid the output is constant, so no gradient passes there."),
        ("dy * inside", "dy * ~inside", "The gradient passes where the weight was clipped, which is the wrong side."),
        ("dy * inside", "0 * dy",
         "This is the true derivative of the rounding, and with it nothing is learned: pass the gradient "
         "straight through."),
    ),
)  # fmt: skip


def make_case(seed: int, R: int, C: int, q: int) -> Case:
    w = normal(seed, "w", R, C) * np.exp(normal(seed, "size", R, 1))  # rows of different sizes
    w[0] = 0
    w[1, 0], w[2, 1] = -1.5 * np.abs(w[1]).max(), 1.5 * np.abs(w[2]).max()  # the largest of one is negative
    s = 0.6 * np.abs(w).max(-1, keepdims=True) / q + (w[:, :1] == 0)  # so small that some weights are clipped
    for (row, column), n in {(1, 1): q + 0.3, (1, 2): q + 0.7, (2, 2): 0.3 - q, (3, 1): -q - 0.2}.items():  # close to the ends
        w[row, column] = n * s[row, 0]
    return Case(seed=seed, w=w, s=s, q=q, dy=normal(seed, "dy", R, C), sizes={"R": R, "C": C})


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    inside = np.abs(np.round(c.w / c.s)) <= c.q
    return {
        "row_scales": lambda: {"s": names["row_scales"](c.w, c.q)},
        "fake_quantise": lambda: returned(names["fake_quantise"](c.w, c.s, c.q), ("y", "inside")),
        "fake_quantise_backward": lambda: {"dw": names["fake_quantise_backward"](c.dy, inside)},
    }


EXERCISE = Exercise(
    name="int8",
    title="Weights in 8 bits, and a gradient straight through the rounding",
    minutes=25,
    needs=("linear",),
    text="""
    s = max |w| / q of each row, and 1 for a row of zeros        w (R, C), s (R, 1); q = 127 for 8 bits, 7 for 4
    n = round(w / s)                                             the integers that are stored
    y = s · clip(n, -q, q)                                       the weights that they stand for

    A model in int8 takes a quarter of the memory. Rounded after training, it is a little wrong; trained with the rounding in its
    forward pass, it learns to live with it. Scales may be smaller than these: then the largest weights are clipped.

    The rounding is a staircase: its derivative is 0 or undefined, and nothing could be learned. So the backward pass treats it
    as if y were w plus an error that does not depend on w ("straight through"). Where a weight was clipped, because |n| > q, y
    does not depend on w at all. The forward pass returns which weights are inside, |n| ≤ q.
    """,
    imports="import numpy as np",
    given=(),
    solve=(
        "learn.references.int8.row_scales",
        "learn.references.int8.fake_quantise",
        "learn.references.int8.fake_quantise_backward",
    ),
    stub='''
def row_scales(w, q):
    """w (R, C) -> s (R, 1), positive, of w's dtype"""
    return ...


def fake_quantise(w, s, q):
    """w (R, C), s (R, 1) -> y (R, C), inside (R, C) booleans"""
    y = ...
    inside = ...
    return y, inside


def fake_quantise_backward(dy, inside):
    """dy (R, C), inside (R, C) -> dw (R, C)"""
    return ...
''',
    hints=(
        "keepdims=True keeps the axis, so that s is (R, 1) and w / s works row by row. np.where(condition, a, b) chooses.",
        "n = np.round(w / s), y = s * np.clip(n, -q, q): the integers times the scale again.",
        "inside = np.abs(n) <= q. If y = w + constant there, what is dy/dw? And where y is constant?",
        "dw = dy * inside.",
    ),
    make=make_case,
    sizes=((5, 6, 127), (4, 9, 7), (7, 5, 127), (6, 8, 7)),  # R, C, q: 8 bits, or 4
    calls=calls,
    mistakes=MISTAKES,
    replace=not_in_the_model,
    notebook="19_pruning_and_quantising",
)
