"""dropout: some elements become 0, the others grow."""

from typing import Any

from albert_np.learn.exercise import Case, Exercise, gradients, normal, random_key


def make_case(seed: int, N: int, W: int, rate: float) -> Case:
    key = random_key(seed, N, first=seed)
    return Case(
        seed=seed, x=normal(seed, "x", N, W), dy=normal(seed, "dy", N, W), rate=rate, key=key, sizes={"N": N, "W": W}
    )  # fmt: skip


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    def backward() -> dict[str, Any]:
        dx = gradients(c, lambda g: names["dropout_backward"](c.dy, cache))
        return dx | {"dx, without dropout": names["dropout_backward"](c.dy, None)}

    return {"dropout_backward": backward}


EXERCISE = Exercise(
    name="dropout",
    title="The gradient of dropout",
    minutes=10,
    needs=("linear",),
    text="""
    y = x · keep · scale        x, y (N, W)        scale = 1 / (1 - rate)

    keep (N, W) is True for the elements that stay. They are scaled up, so that the mean of y is that of x. Both are in the cache.
    Without dropout (no key, or rate 0) the cache is None, and y is x.
    """,
    imports="from albert_np.core.random import RANGE, random_bits, threshold",
    given=("core.layers.dropout.dropout",),
    solve=("core.layers.dropout.dropout_backward",),
    stub='''
def dropout_backward(dy, cache):
    """dy (N, W) -> dx (N, W)"""
    if cache is None:
        return ...  # (N, W)
    keep, scale = cache
    return ...  # (N, W)
''',
    hints=(
        "keep and scale do not depend on x. So y is x times a constant, element by element.",
        "dy/dx of one element is keep · scale: the scale where it stays, 0 where it was dropped.",
        "dx = dy * keep * scale; and where y is x, dx is dy.",
    ),
    make=make_case,
    sizes=((5, 9, 0.3), (7, 6, 0.5), (4, 11, 0.4), (6, 10, 0.2)),  # N, W, rate
    forward=lambda names, c: names["dropout"](c.x, c.rate, c.key),
    calls=calls,
    large=(256, 96, 0.1),
    notebook="06_gelu",
)
