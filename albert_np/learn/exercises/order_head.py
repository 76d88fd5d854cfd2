"""order_head: are two segments in their order, or swapped?"""

from albert_np.core.sequences import Sequences
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, lengths: tuple[int, ...], H: int) -> Case:
    N, B = sum(lengths), len(lengths)
    p = parameters({"pooler": {"w": (H, H), "b": (H,)}, "sop": {"w": (H, 2), "b": (2,)}}, seed)
    h, dlogits = normal(seed, "h", N, H), normal(seed, "dlogits", B, 2)
    return Case(seed=seed, h=h, dlogits=dlogits, p=p, sequences=Sequences(lengths), sizes={"N": N, "B": B, "H": H})


EXERCISE = Exercise(
    name="order_head",
    title="The gradient of the sentence-order head",
    minutes=10,
    needs=("pooler",),
    text="""
    pooled = tanh(first w + b)        first (B, H): the row of [CLS] of each sequence of h (N, H);  p.pooler     (B, H)
    logits = pooled w + b             with p.sop: w (H, 2), b (2,)                                               (B, 2)

    ALBERT's second loss: are the two segments of a sequence in their order (class 0), or swapped (class 1)?
    The first line is the pooler, whole. layers.linear_backward and layers.pooler_backward(dy, cache, p, g) are there.
    """,
    imports="from albert_np.core import layers",
    given=("core.model.heads.order_head",),
    solve=("core.model.heads.order_head_backward",),
    stub='''
def order_head_backward(dlogits, cache, p, g):
    """dlogits (B, 2) -> dh (N, H), zero except in the first rows; adds to g.pooler and g.sop"""
    c_pooler, c_linear = cache
    dpooled = ...  # (B, H)
    return ...  # (N, H)
''',
    hints=(
        "Two operations, run backwards: first the linear map with p.sop, then the pooler.",
        "Each of them adds to its own part of g: g.sop, g.pooler. Hand that part over, not the whole tree.",
        "dpooled = layers.linear_backward(dlogits, c_linear, p.sop, g.sop), and "
        "layers.pooler_backward(dpooled, c_pooler, p.pooler, g.pooler) gives dh.",
    ),
    derivation="""
    Backward, from the last line to the first:

        logits = pooled w + b       dw = pooledᵀ dlogits        db = Σ dlogits over the sequences        dpooled = dlogits wᵀ
        pooled = tanh(first w + b)  dz = dpooled (1 - pooled²), and the linear map again with the pooler's own w and b
        first = rows of [CLS] of h  dh is dfirst in these rows, and 0 in all others
    """,
    make=make_case,
    sizes=(((4, 1, 3), 5), ((3, 5), 4), ((2, 1, 6, 2), 6), ((5, 2, 2), 7)),  # lengths, H
    forward=lambda names, c: names["order_head"](c.h, c.sequences, c.p),
    outputs=("dh",),
    steps={"dpooled": "the gradient of the pooled rows"},
    large=((20,) * 16, 32),
    notebook="10_masking_and_sentence_order",
)
