"""linear: y = x w + b."""

from albert_np.learn.exercise import Case, Exercise, normal, parameters


def make_case(seed: int, N: int, I: int, O: int) -> Case:
    p = parameters(seed, {"w": (I, O), "b": (O,)})
    x, dy = normal(seed, "x", N, I), normal(seed, "dy", N, O)
    return Case(seed=seed, x=x, dy=dy, p=p, sizes={"N": N, "I": I, "O": O})


EXERCISE = Exercise(
    name="linear",
    title="The gradient of a linear map",
    minutes=20,
    needs=(),
    text="""
    y = x w + b         x (N, I)   w (I, O)   b (O,)   y (N, O)

    Each row of x is one token. In numbers: y[n, o] = Σ_i x[n, i] w[i, o] + b[o].

    You get dy, the derivative of the loss with respect to each element of y. Find the derivatives with respect to x, w and b.
    Return dx. Add the other two to g.w and g.b with +=, because a layer that is used twice gets a gradient from each use.
    """,
    imports="",
    given=("core.layers.linear.linear",),
    solve=("core.layers.linear.linear_backward",),
    stub='''
def linear_backward(dy, x, p, g):
    """dy (N, O), x (N, I) -> dx (N, I); adds to g.w (I, O) and g.b (O,)"""
    g.b += ...  # (O,)
    g.w += ...  # (I, O)
    return ...  # (N, I)
''',
    hints=(
        "Ask of each variable: which elements of y move if this one element grows by a little, and by how much each?",
        "w[i, o] moves y[n, o] by x[n, i], in every row n. So dw[i, o] = Σ_n x[n, i] dy[n, o]. Which matrix product is this sum? "
        "The shapes leave only one choice: (I, O) from (N, I) and (N, O).",
        "b[o] moves y[n, o] by 1 in every row n, so db[o] = Σ_n dy[n, o]: .sum(0). "
        "x[n, i] moves every y[n, o] by w[i, o], so dx[n, i] = Σ_o dy[n, o] w[i, o].",
        "dw = x.T @ dy, db = dy.sum(0), dx = dy @ p.w.T",
    ),
    make=make_case,
    sizes=((5, 4, 3), (7, 3, 6), (6, 4, 4), (9, 5, 5)),  # N, I, O: the last two are square, where a transpose keeps the shape
    forward=lambda names, c: names["linear"](c.x, c.p),
    large=(256, 48, 64),
    notebook="04_linear_softmax_cross_entropy",
)
