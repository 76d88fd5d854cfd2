"""add_norm: the residual connection and its layer norm."""

from albert_np.learn.exercise import Case, Exercise, normal, parameters, random_key


def make_case(seed: int, N: int, W: int, rate: float) -> Case:
    key = random_key(seed, N, first=seed)
    p = parameters(seed, {"gamma": (W,), "beta": (W,)})
    x, f, dy = (normal(seed, name, N, W) for name in ("x", "f", "dy"))
    return Case(seed=seed, x=x, f=2 * f, dy=dy, p=p, rate=rate, key=key, sizes={"N": N, "W": W})


EXERCISE = Exercise(
    name="add_norm",
    title="The gradient of a residual connection and its layer norm",
    minutes=15,
    needs=("layer_norm", "dropout"),
    text="""
    y = LN(x + drop(f))        x, f, y (N, W)

    x is the input of an operation, f its output: attention or the feed-forward network. layer_norm_backward and dropout_backward
    are there; you wrote them in earlier exercises. layer_norm_backward adds to g by itself.
    """,
    imports="from albert_np.core.layers import dropout, dropout_backward, layer_norm, layer_norm_backward",
    given=("core.layers.add_norm.add_norm",),
    solve=("core.layers.add_norm.add_norm_backward",),
    stub='''
def add_norm_backward(dy, cache, p, g):
    """dy (N, W) -> dx, df (N, W); adds to g.gamma and g.beta"""
    c_dropout, c_norm = cache
    dx = ...  # (N, W)
    df = ...  # (N, W)
    return dx, df
''',
    hints=(
        "Go backwards: first through the layer norm, to the gradient of the sum x + drop(f).",
        "A sum passes its gradient on to both of its terms, unchanged. So x gets the gradient of the sum as it is.",
        "drop(f) gets the same gradient, which still has to go back through the dropout: dropout_backward(dx, c_dropout).",
    ),
    make=make_case,
    sizes=((5, 9, 0.3), (7, 6, 0.5), (4, 11, 0.4), (6, 10, 0.2)),  # N, W, rate
    forward=lambda names, c: names["add_norm"](c.x, c.f, c.p, 1e-12, c.rate, c.key),
    outputs=("dx", "df"),
    large=(256, 64, 0.1),
    notebook="08_one_layer_twelve_times",
)
