"""layer_norm: each row to mean 0 and variance 1, then a scale and a shift."""

from typing import Any

from albert_np.learn.exercise import Case, Exercise, normal, parameters


def make_case(seed: int, N: int, W: int) -> Case:
    eps = 1.0 if seed % 2 else 1e-12
    p = parameters(seed, {"gamma": (W,), "beta": (W,)})
    x, dy = 2 + 3 * normal(seed, "x", N, W), normal(seed, "dy", N, W)
    return Case(seed=seed, x=x, dy=dy, p=p, eps=eps, sizes={"N": N, "W": W})


def terms(c: Case, local: dict[str, Any], right: dict[str, Any]) -> dict[str, dict[str, Any]]:
    dxhat, xhat, rstd = local["dxhat"], local["xhat"], local["rstd"]
    mean = dxhat.mean(-1, keepdims=True)
    return {
        "dx": {
            "rstd · dxhat": rstd * dxhat,
            "along the constant row, -rstd · mean(dxhat)": -rstd * (mean + 0 * dxhat),
            "along xhat, -rstd · xhat · mean(dxhat · xhat)": -rstd * xhat * (dxhat * xhat).mean(-1, keepdims=True),
        }
    }


EXERCISE = Exercise(
    name="layer_norm",
    title="The gradient of layer normalisation",
    minutes=60,
    needs=("linear", "softmax"),
    text="""
    μ = mean x        σ = √(mean (x - μ)² + ε)        xhat = (x - μ) / σ        y = γ xhat + β

    Each row of x (N, W) by itself; γ and β (W,) are shared by the rows. In the code rstd is 1/σ, (N, 1).

    Every element of a row moves every element of xhat: directly, through μ and through σ. So dx has three terms.
    Go in two steps: first dxhat, the gradient of xhat, then dx.
    """,
    imports="import numpy as np",
    given=("core.layers.layer_norm.rows_mean", "core.layers.layer_norm.layer_norm"),
    solve=("core.layers.layer_norm.layer_norm_backward",),
    stub='''
def layer_norm_backward(dy, cache, p, g):
    """dy (N, W) -> dx (N, W); adds to g.gamma (W,) and g.beta (W,)"""
    xhat, rstd = cache  # (N, W), (N, 1)
    g.gamma += ...  # (W,)
    g.beta += ...  # (W,)
    dxhat = ...  # (N, W)
    return ...  # (N, W)
''',
    hints=(
        "γ and β are as in a linear map with one weight for each column: their gradients are sums over the rows. "
        "y = γ xhat + β also gives dxhat from dy.",
        "Now one row. ∂μ/∂x[i] = 1/W. For σ: differentiate σ² = mean (x - μ)² + ε, which gives ∂σ/∂x[i] = xhat[i] / W "
        "(the part through μ is 0, because the x - μ sum to 0).",
        "xhat[j] = (x[j] - μ) / σ. With the quotient rule ∂xhat[j]/∂x[i] = (δ_ij - 1/W - xhat[i] xhat[j] / W) / σ.",
        "dx[i] = Σ_j dxhat[j] ∂xhat[j]/∂x[i]. The three terms become dxhat, its mean over the row, "
        "and xhat times the mean of dxhat · xhat; all of it times rstd. rows_mean computes such means.",
    ),
    make=make_case,
    sizes=((5, 4), (7, 6), (4, 7), (6, 5)),
    forward=lambda names, c: names["layer_norm"](c.x, c.p, c.eps),
    steps={"dxhat": "the gradient of xhat"},
    terms=terms,
    large=(512, 96),
    notebook="05_layer_norm",
)
