"""pooler: a vector for a whole sequence."""

from albert_np.core.sequences import Sequences
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, lengths: tuple[int, ...], H: int) -> Case:
    N, B, p = sum(lengths), len(lengths), parameters({"w": (H, H), "b": (H,)}, seed)
    x, dy = normal(seed, "x", N, H), normal(seed, "dy", B, H)
    return Case(seed=seed, x=x, dy=dy, p=p, sequences=Sequences(lengths), sizes={"N": N, "B": B, "H": H})


EXERCISE = Exercise(
    name="pooler",
    title="The gradient of the pooler",
    minutes=10,
    needs=("linear", "gather"),
    text="""
    y = tanh(first w + b)        first (B, H): the row of [CLS] of each sequence, taken from x (N, H);  y (B, H)

    Three operations in a row, each with its cache. gather_backward(dy, cache), linear_backward(dy, cache, p, g) and
    tanh_backward(dy, y) are there.
    """,
    imports="from collections import namedtuple\n\n"
    "from albert_np.core.layers import gather, gather_backward, linear, linear_backward\n"
    "from albert_np.core.layers.activations import tanh, tanh_backward",
    given=("core.layers.pooler.PoolerCache", "core.layers.pooler.pooler"),
    solve=("core.layers.pooler.pooler_backward",),
    stub='''
def pooler_backward(dy, cache, p, g):
    """dy (B, H) -> dx (N, H), zero except in the first rows; adds to g.w and g.b"""
    dz = ...  # (B, H), before the tanh
    dfirst = ...  # (B, H)
    return ...  # (N, H)
''',
    hints=(
        "Run the three operations backwards: tanh, linear map, gather.",
        "The caches are cache.c_tanh, cache.c_linear and cache.c_gather.",
        "dz = tanh_backward(dy, cache.c_tanh), dfirst = linear_backward(dz, cache.c_linear, p, g), then gather_backward.",
    ),
    derivation="""
    With first = the rows of [CLS], z = first w + b, y = tanh(z). Backward, from the last operation to the first:

        dz = dy (1 - y²)
        dw = firstᵀ dz        db = Σ dz over the sequences        dfirst = dz wᵀ
        dx is dfirst in the rows of [CLS], and 0 in all others, which y does not depend on
    """,
    make=make_case,
    sizes=(((4, 1, 3), 5), ((3, 5), 4), ((2, 1, 6, 2), 6), ((5, 2, 2), 7)),  # lengths, H
    forward=lambda names, c: names["pooler"](c.x, c.p, c.sequences),
    steps={"dz": "the gradient before the tanh", "dfirst": "the gradient of the first rows"},
    large=((20,) * 16, 32),
    notebook="10_masking_and_sentence_order",
)
