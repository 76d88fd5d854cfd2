"""gather: some rows of many."""

from albert_np.core.random import generator
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, N: int, M: int, W: int) -> Case:
    rows = generator(seed, "learn gather").integers(1, N, size=M)  # row 0 is not taken
    rows[-2:] = rows[0]
    x, dy = normal(seed, "x", N, W), normal(seed, "dy", M, W)
    return Case(seed=seed, x=x, rows=rows, dy=dy, sizes={"N": N, "M": M, "W": W})


EXERCISE = Exercise(
    name="gather",
    title="The gradient of taking rows",
    minutes=10,
    needs=("embedding",),
    text="""
    y[m] = x[rows[m]]        x (N, W), rows (M,) integers, y (M, W)

    The head of the masked language model reads the masked tokens alone, and the pooler the first token of each sequence.
    A row may be taken several times, or not at all.
    """,
    imports="import numpy as np",
    more_imports="from albert_np.core.backend import scatter_add",
    given=("core.layers.gather.gather",),
    solve=("core.layers.gather.gather_backward",),
    stub='''
def gather_backward(dy, cache):
    """dy (M, W) -> dx (N, W)"""
    rows, x = cache
    dx = ...  # (N, W), to begin with
    # now add each dy[m] to its row of dx
    return dx
''',
    hints=(
        "A row of x that was not taken has no effect on y. A row that was taken twice has an effect on two rows of y.",
        "Begin with zeros of the shape and dtype of x: np.zeros_like(x).",
        "dx[rows] += dy keeps only one of several additions to the same row; np.add.at(dx, rows, dy) keeps all.",
    ),
    derivation="""
    y[m] moves by 1 with x[rows[m]], and with no other row. So row n of x gets the sum of the dy[m] of all m that took it:

        dx[n] = Σ dy[m] over the m with rows[m] = n        0 if no m took row n
    """,
    make=make_case,
    sizes=((7, 5, 4), (6, 8, 3), (9, 6, 5), (5, 7, 6)),  # N, M, W
    forward=lambda names, c: names["gather"](c.x, c.rows),
    large=(512, 200, 64),
    notebook="03_embeddings",
)
