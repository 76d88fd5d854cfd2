"""fuse: two levels become one."""

from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, N: int, H: int) -> Case:
    p = parameters({"w": (2 * H, H), "b": (H,)}, seed)
    low, high, dh = (normal(seed, name, N, H) for name in ("low", "high", "dh"))
    return Case(seed=seed, low=low, high=high, dh=dh, p=p, sizes={"N": N, "H": H})


EXERCISE = Exercise(
    name="fuse",
    title="The gradient of a fusion of two levels",
    minutes=15,
    needs=("linear",),
    text="""
    h = tanh([low; high] w + b)        low, high, h (N, H)    w (2H, H)

    The two levels stand side by side, (N, 2H), before the linear map. linear_backward and tanh_backward(dy, y) are there.
    """,
    imports="import numpy as np\n\nfrom albert_np.core.layers import linear, linear_backward\n"
    "from albert_np.core.layers.activations import tanh, tanh_backward",
    given=("core.layers.fusion.fuse",),
    solve=("core.layers.fusion.fuse_backward",),
    stub='''
def fuse_backward(dh, cache, p, g):
    """dh (N, H) -> dlow, dhigh (N, H); adds to g.w and g.b"""
    c_linear, c_tanh = cache
    dz = ...  # (N, H)
    dboth = ...  # (N, 2H)
    dlow = ...  # (N, H)
    dhigh = ...  # (N, H)
    return dlow, dhigh
''',
    hints=(
        "Backwards: first the tanh, then the linear map, then the concatenation.",
        "dz = tanh_backward(dh, c_tanh), dboth = linear_backward(dz, c_linear, p, g).",
        "The first H columns of dboth belong to low, the others to high: np.split(dboth, 2, axis=-1).",
    ),
    derivation="""
    With both = [low; high] side by side, z = both W + b, h = tanh(z). Backward:

        dz = dh (1 - h²)
        dW = bothᵀ dz        db = Σ dz over the tokens        dboth = dz Wᵀ        (N, 2H)
        dlow is the left half of dboth, dhigh the right half: each column of both comes from one of the two
    """,
    make=make_case,
    sizes=((5, 4), (7, 6), (4, 5), (6, 3)),
    forward=lambda names, c: names["fuse"](c.low, c.high, c.p),
    outputs=("dlow", "dhigh"),
    steps={"dz": "the gradient before the tanh", "dboth": "the gradient of both levels, side by side"},
    large=(128, 32),
    notebook="09_hierarchical_fusion",
)
