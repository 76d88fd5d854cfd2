"""cross_entropy: the loss."""

from typing import Any

import numpy as np

from albert_np.core.random import generator
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, M: int, C: int) -> Case:
    rng = generator(seed, "learn cross_entropy labels")
    return Case(
        seed=seed, x=2 * normal(seed, "x", M, C), labels=rng.integers(C, size=M), weights=rng.uniform(0.2, 2.0, size=M),
        dloss=np.asarray(1.7 + 0.3 * seed), denominator=3.3 + seed, smoothing=0.2 if seed % 2 else 0.0, sizes={"M": M, "C": C},
    )  # fmt: skip


def terms(c: Case, local: dict[str, Any], right: dict[str, Any]) -> dict[str, dict[str, Any]]:
    probs, scaled = local["probs"], local["scaled"][:, None]
    M, C = c.sizes["M"], c.sizes["C"]
    onehot = np.zeros((M, C))
    onehot[np.arange(M), c.labels] = 1
    parts = {"of the probabilities": probs * scaled * c.dloss, "of the label": -(1 - c.smoothing) * onehot * scaled * c.dloss}
    if c.smoothing:
        return {"dx": parts | {"of the smoothing, ε / C": -c.smoothing / C * scaled * c.dloss + 0 * probs}}
    return {"dx": parts}


EXERCISE = Exercise(
    name="cross_entropy",
    title="The gradient of the loss",
    minutes=40,
    needs=("softmax",),
    text="""
    loss = Σ_m weights[m] (-Σ_k q[m, k] log softmax(x[m])[k]) / denominator        x (M, C) scores, loss ()

    labels (M,) are the right classes. Without label smoothing q[m] is 1 at the label and 0 elsewhere; with smoothing ε it is
    (1 - ε) at the label, plus ε / C in all C classes.

    The forward pass keeps probs = softmax(x) (M, C), scaled = weights / denominator (M,), the smoothing ε, and picked (M,): the
    index m C + labels[m] of each label in x.reshape(-1).
    """,
    imports="from collections import namedtuple\n\nimport numpy as np\n\n"
    "from albert_np.core.backend import asarray_like, scatter_add",
    given=("core.layers.cross_entropy.CrossEntropyCache", "core.layers.cross_entropy.cross_entropy"),
    solve=("core.layers.cross_entropy.cross_entropy_backward",),
    stub='''
def cross_entropy_backward(dloss, cache):
    """dloss () -> dx (M, C)"""
    probs, picked, scaled, smoothing = cache  # (M, C), (M,), (M,), a number
    return ...  # (M, C)
''',
    hints=(
        "Take one row without weights and smoothing: -log softmax(x)[label] = log Σ_k exp x[k] - x[label]. "
        "The derivative of the first part by x[k] is a quantity that the forward pass has kept.",
        "∂/∂x[k] = softmax(x)[k] - (1 if k is the label, else 0): the probabilities minus the row q.",
        "Row m of the loss is multiplied by scaled[m], and everything above by dloss. So is the gradient.",
        "dx = (probs - q) * scaled[:, None] * dloss, with q = ε / C everywhere and (1 - ε) more at the label: "
        "q = np.full(probs.shape, ε / C); q.reshape(-1)[picked] += 1 - ε. In float32, give np.full the dtype of probs.",
    ),
    make=make_case,
    sizes=((6, 4), (7, 5), (5, 6), (8, 3)),  # M, C
    forward=lambda names, c: names["cross_entropy"](c.x, c.labels, c.weights, c.denominator, c.smoothing),
    terms=terms,
    large=(256, 400),
    notebook="04_linear_softmax_cross_entropy",
)
