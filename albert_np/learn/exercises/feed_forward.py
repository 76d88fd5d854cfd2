"""feed_forward: two linear maps with an activation between them."""

from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, N: int, H: int, F: int) -> Case:
    p = parameters({"intermediate": {"w": (H, F), "b": (F,)}, "output": {"w": (F, H), "b": (H,)}}, seed)
    x, dy = normal(seed, "x", N, H), normal(seed, "dy", N, H)
    return Case(seed=seed, x=x, dy=dy, p=p, act="gelu" if seed % 2 else "gelu_new", sizes={"N": N, "H": H, "F": F})


EXERCISE = Exercise(
    name="feed_forward",
    title="The gradient of the feed-forward network",
    minutes=15,
    needs=("linear", "gelu"),
    text="""
    z = x w₁ + b₁        a = act(z)        y = a w₂ + b₂        x, y (N, H)    z, a (N, F)

    The first composition: run the pieces backwards, each with its own cache. linear_backward(dy, cache, p, g) and
    activation_backward(dy, cache, name) are there; you wrote them in earlier exercises. p.intermediate has w₁ and b₁, p.output
    has w₂ and b₂, and g has the same names.
    """,
    imports="from collections import namedtuple\n\n"
    "from albert_np.core.layers import activation, activation_backward, linear, linear_backward",
    given=("core.layers.feed_forward.FeedForwardCache", "core.layers.feed_forward.feed_forward"),
    solve=("core.layers.feed_forward.feed_forward_backward",),
    stub='''
def feed_forward_backward(dy, cache, p, g, act):
    """dy (N, H) -> dx (N, H); adds to g.intermediate and g.output"""
    c_in, c_act, c_out = cache
    da = ...  # (N, F)
    dz = ...  # (N, F)
    return ...  # (N, H)
''',
    hints=(
        "The last line of the forward pass comes first: y = linear(a, p.output), with the cache c_out.",
        "da = linear_backward(dy, c_out, p.output, g.output). It adds to g.output and returns the gradient of its input, a.",
        "dz = activation_backward(da, c_act, act), and then the first linear map with c_in, p.intermediate, g.intermediate.",
    ),
    derivation="""
    In three lines, z = x w₁ + b₁, a = act(z), y = a w₂ + b₂. Backward, from the last line to the first:

        dw₂ = aᵀ dy        db₂ = Σ dy over the tokens        da = dy w₂ᵀ
        dz = da · act'(z)
        dw₁ = xᵀ dz        db₁ = Σ dz over the tokens        dx = dz w₁ᵀ

    The first and the last line are the backward pass of a linear map, which you have.
    """,
    make=make_case,
    sizes=((5, 4, 7), (7, 3, 5), (4, 6, 9), (6, 5, 8)),  # N, H, F
    forward=lambda names, c: names["feed_forward"](c.x, c.p, c.act),
    steps={"da": "the gradient after the activation", "dz": "the gradient before the activation"},
    large=(128, 32, 96),
    notebook="08_one_layer_twelve_times",
)
