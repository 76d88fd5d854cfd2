"""self_attention: the whole layer, several sequences."""

from typing import Any

from albert_np.core.sequences import Sequences
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal, random_key


def make_case(seed: int, lengths: tuple[int, ...], A: int, D: int) -> Case:
    N, H = sum(lengths), A * D
    p = parameters({name: {"w": (H, H), "b": (H,)} for name in ("query", "key", "value", "output")}, seed)
    return Case(
        seed=seed, x=normal(seed, "x", N, H), dy=normal(seed, "dy", N, H), p=p, sequences=Sequences(lengths), A=A,
        rate=0.3 if seed % 2 else 0.0, key=random_key(seed, *lengths), sizes={"N": N, "A": A, "D": D, "H": H},
    )  # fmt: skip


def terms(c: Case, local: dict[str, Any], right: dict[str, Any]) -> dict[str, dict[str, Any]]:
    parts = {"queries": (local["dq"], c.p.query), "keys": (local["dk"], c.p.key), "values": (local["dv"], c.p.value)}
    return {"dx": {f"through the {name}": d @ p.w.T for name, (d, p) in parts.items()}}


EXERCISE = Exercise(
    name="self_attention",
    title="The gradient of the whole attention layer",
    minutes=40,
    needs=("attention",),
    text="""
    q, k, v = x w + b with three linear maps, p.query, p.key and p.value        (N, H) each
    context = attend(q, k, v), for each sequence and head by itself             (N, H)
    y = context w + b with the linear map p.output                              (N, H)

    The N rows of x are the tokens of several sequences, end to end. Iterating over sequences yields the rows of each.
    linear_backward and attend_backward are there. split_heads and merge_heads turn (T, H) into (A, T, D) and back.
    """,
    imports="from collections import namedtuple\n\nimport numpy as np\n\n"
    "from albert_np.core.layers import attend, attend_backward, linear, linear_backward",
    given=(
        "core.layers.attention.AttentionCache",
        "core.layers.attention.split_heads",
        "core.layers.attention.merge_heads",
        "core.layers.attention.attention",
    ),
    solve=("core.layers.attention.attention_backward",),
    stub='''
def attention_backward(dy, cache, p, g, sequences, A):
    """dy (N, H) -> dx (N, H); adds to g.query, g.key, g.value and g.output"""
    dcontext = ...  # (N, H), the gradient of the input of p.output
    dqs, dks, dvs = [], [], []
    for rows, c_attend in zip(sequences, cache.c_attend):
        dq, dk, dv = ...  # (A, T, D) each, of this sequence
        dqs.append(...)  # (T, H)
        dks.append(...)
        dvs.append(...)
    dq, dk, dv = np.concatenate(dqs), np.concatenate(dks), np.concatenate(dvs)  # (N, H) each
    return ...  # (N, H)
''',
    hints=(
        "dcontext = linear_backward(dy, cache.c_output, p.output, g.output): the last line of the forward pass comes first.",
        "For one sequence: attend_backward(split_heads(dcontext[rows], A), c_attend) gives dq, dk, dv as (A, T, D), and "
        "merge_heads turns each into (T, H).",
        "x is used three times: by the queries, the keys and the values. Its gradient is the sum of three.",
        "dx = linear_backward(dq, cache.c_query, p.query, g.query) + the same for the keys + the same for the values.",
    ),
    derivation="""
    Around it are four linear maps, with q = x w_q + b_q and the same for k and v, and y = context w_o + b_o:

        dcontext = dy w_oᵀ
        dq, dk, dv: for each sequence and head by itself, as above
        dx = dq w_qᵀ + dk w_kᵀ + dv w_vᵀ        x is used three times, so its gradient is the sum of three
    """,
    make=make_case,
    sizes=(((4, 1, 3), 2, 3), ((3, 5), 3, 2), ((2, 1, 6), 3, 4), ((5, 2, 2), 2, 5)),  # lengths, A, D
    forward=lambda names, c: names["attention"](c.x, c.p, c.sequences, c.A, c.rate, c.key),
    steps={
        "dcontext": "the gradient of the input of p.output",
        "dq": "the gradient of the queries",
        "dk": "the gradient of the keys",
        "dv": "the gradient of the values",
    },
    terms=terms,
    large=((40, 30, 50), 4, 8),
    notebook="07_attention",
)
