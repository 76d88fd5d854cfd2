"""clip: gradients of a bounded length."""

import math
from typing import Any

import numpy as np

from albert_np.core.params import Tree, flat_size
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, I: int, O: int) -> Case:
    form = {"w": (I, O), "b": (O,)}
    grads = Tree(form, np.zeros(flat_size(form)))
    for name, array in grads.items():
        array[...] = normal(seed, name, *array.shape)
    grads.w[0, 0] = 4 + seed % 3  # so large that clipping each element by itself would show
    return Case(seed=seed, grads=grads, length=float(np.linalg.norm(grads.flat)), sizes={"I": I, "O": O})


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    def factor() -> dict[str, Any]:
        limit, dtype = 2.0 + c.seed, c.grads.flat.dtype
        norms = {"long": 3.0 * limit, "short": 0.25 * limit, "infinite": math.inf, "not a number": math.nan}
        return {f"clip_factor, {name}": names["clip_factor"](np.asarray(norm, dtype), limit) for name, norm in norms.items()}

    def clip() -> dict[str, Any]:
        results: dict[str, Any] = {}
        for name, share in (("long", 0.35 + 0.03 * c.seed), ("short", 3.0)):
            grads = c.grads.copy()
            norm = names["clip"](grads, share * c.length)
            results |= {f"norm, {name}": norm, **{f"{key}, {name}": array for key, array in grads.items()}}
        return results

    return {"clip_factor": factor, "clip": clip}


EXERCISE = Exercise(
    name="clip",
    title="Clipping by the global norm",
    minutes=15,
    needs=("linear",),
    text="""
    norm = √(Σ g²) over all gradients together        g = g · min(1, max_norm / norm)

    All gradients are scaled by one factor, so their direction stays. grads.flat is one flat array that holds all tensors end to
    end; change it in place. Gradients whose norm is infinite or not a number stay as they are (factor 1): the trainer looks for
    such steps itself, and a factor of 0 or NaN would hide them.
    """,
    imports="import numpy as np",
    given=(),
    solve=("core.optim.clip.clip_factor", "core.optim.clip.clip"),
    stub='''
def clip_factor(norm, max_norm):
    """norm: a 0-d array -> the factor, a 0-d array: 1 if the norm is small enough, or not finite"""
    return ...


def clip(grads, max_norm):
    """Scale grads.flat in place; return the norm before, a 0-d array"""
    norm = ...
    grads.flat *= ...
    return norm
''',
    hints=(
        "norm = np.sqrt((grads.flat * grads.flat).sum()).",
        "np.where(norm > max_norm, max_norm / norm, 1.0) is the factor for finite norms. Never make short gradients longer.",
        "np.where(np.isfinite(norm), factor, 1.0) takes care of the others.",
    ),
    make=make_case,
    sizes=((4, 3), (3, 5), (5, 4), (2, 7)),
    calls=calls,
    notebook="12_lamb_and_adamw",
)
