"""attention: the heads of one sequence."""

from typing import Any

import numpy as np

from albert_np.learn.exercise import Case, Exercise, normal, random_key


def make_case(seed: int, A: int, T: int, D: int) -> Case:
    q, k, v = (normal(seed, name, A, T, D) for name in "qkv")
    return Case(
        seed=seed, q=q, k=k, v=v, dcontext=normal(seed, "dcontext", A, T, D), sizes={"A": A, "T": T, "D": D},
        visible=np.tril(np.ones((T, T), bool)) if seed % 2 else None, rate=0.3 if seed % 2 else 0.0,
        key=random_key(seed, T, first=seed) if seed % 2 else None,
    )  # fmt: skip


def terms(c: Case, local: dict[str, Any], right: dict[str, Any]) -> dict[str, dict[str, Any]]:
    probs, dprobs, q, k = local["c_softmax"], local["dprobs"], local["q"], local["k"]
    D = c.sizes["D"]
    one, other = probs * dprobs, -probs * (dprobs * probs).sum(-1, keepdims=True)
    names = "of the weights themselves, probs · dprobs", "of the softmax's denominator, -probs Σ dprobs · probs"
    return {
        "dscores": dict(zip(names, (one, other))),
        "dproduct": dict(zip(names, (one / D**0.5, other / D**0.5))),
        "dq": dict(zip(names, (one @ k / D**0.5, other @ k / D**0.5))),
        "dk": dict(zip(names, (one.swapaxes(1, 2) @ q / D**0.5, other.swapaxes(1, 2) @ q / D**0.5))),
    }


EXERCISE = Exercise(
    name="attention",
    title="The gradient of attention",
    minutes=60,
    needs=("linear", "softmax"),
    text="""
    scores  = q kᵀ / √D          (A, T, T)   how well each key matches each query
    probs   = softmax(scores)    (A, T, T)   one row for each query
    context = dropout(probs) v   (A, T, D)   q, k, v (A, T, D)

    One sequence of T tokens, with A heads of width D. Keys that are not visible have the score -inf, so the weight 0.
    Go from the last line to the first. You need one rule again and again: C = A B gives dA = dC Bᵀ and dB = Aᵀ dC.
    The two lines of dropout are written for you, and softmax_backward is there (you wrote it in the exercise softmax).
    """,
    imports="import math\nfrom collections import namedtuple\n\nimport numpy as np\n\n"
    "from albert_np.core.layers import dropout, dropout_backward, softmax, softmax_backward",
    given=("core.layers.attention.AttendCache", "core.layers.attention.attend"),
    solve=("core.layers.attention.attend_backward",),
    stub='''
def attend_backward(dcontext, cache):
    """dcontext (A, T, D) -> dq, dk, dv (A, T, D)"""
    q, k, v, probs, dropped, c_softmax, c_dropout = cache  # dropped (A, T, T): the weights after dropout
    A, T, D = q.shape
    ddropped = ...  # (A, T, T)
    dv = ...  # (A, T, D)
    dprobs = dropout_backward(ddropped.swapaxes(0, 1).reshape(T, A * T), c_dropout)  # given
    dprobs = dprobs.reshape(T, A, T).swapaxes(0, 1)  # (A, T, T), given
    dscores = ...  # (A, T, T), back through the softmax
    dproduct = ...  # (A, T, T), the gradient of q kᵀ
    dq = ...  # (A, T, D)
    dk = ...  # (A, T, D)
    return dq, dk, dv
''',
    hints=(
        "context = dropped @ v is a matrix product for each head, so the rule gives ddropped and dv. "
        "The transpose of the last two axes is .swapaxes(1, 2).",
        "ddropped = dcontext @ v.swapaxes(1, 2) and dv = dropped.swapaxes(1, 2) @ dcontext. "
        "dscores is the softmax's gradient at the forward pass's own weights, which c_softmax has.",
        "scores are q kᵀ divided by √D, so dproduct is dscores divided by √D.",
        "dq = dproduct @ k, and dk = dproduct.swapaxes(1, 2) @ q: the rule of the product with B = kᵀ, whose gradient is "
        "turned round once more.",
    ),
    make=make_case,
    sizes=((2, 5, 3), (3, 6, 4), (3, 4, 2), (2, 7, 5)),  # A, T, D
    forward=lambda names, c: names["attend"](c.q, c.k, c.v, c.visible, c.rate, c.key),
    outputs=("dq", "dk", "dv"),
    steps={
        "ddropped": "the gradient of the weights after dropout",
        "dprobs": "the gradient of the weights",
        "dscores": "the gradient of the scores",
        "dproduct": "the gradient of q kᵀ",
    },
    terms=terms,
    large=(4, 64, 16),
    notebook="07_attention",
)
