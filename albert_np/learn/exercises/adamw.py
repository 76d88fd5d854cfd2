"""adamw: the optimiser that ALBERT's successors are trained with, and that LAMB is built on."""

from typing import Any

import numpy as np

from albert_np.core.optim import OptimizerState
from albert_np.core.params import Tree, flat_size
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, I: int, O: int) -> Case:
    form = {"word": (O, I), "dense": {"w": (I, O), "b": (O,)}, "norm": {"gamma": (O,), "beta": (O,)}, "empty": {"w": (O, O)}}
    trees = {name: Tree(form, np.zeros(flat_size(form))) for name in ("params", "grads", "m", "v")}
    for kind, tree in trees.items():
        for name, array in tree.items():
            array[...] = normal(seed, f"{kind} {name}", *array.shape) * 0.5
    trees["v"].flat[...] = np.abs(trees["v"].flat) * 0.2
    trees["params"].empty.w[...] = 0  # its norm is 0
    options = dict(beta1=0.85, beta2=0.95, eps=1e-3, bias_correction=bool(seed % 2), decay_all=False)
    options["weight_decay"] = 0.1 + 0.05 * seed
    sizes = {"I": I, "O": O}
    return Case(seed=seed, **trees, count=3 + seed, options=options, lr=0.2, rates={"dense.w": 0.5}, sizes=sizes)


def state(c: Case, name: str) -> OptimizerState:
    return OptimizerState(name=name, count=c.count, m=c.m.copy(), v=c.v.copy(), options=dict(c.options))


def changes(c: Case, name: str, step: Any) -> dict[str, Any]:
    """Return what one step of an optimiser changes in each tensor."""
    params = c.params.copy()
    step(params, c.grads, state(c, name), c.lr, c.rates)
    changed = {name: after - before for (name, after), (_, before) in zip(params.items(), c.params.items())}
    return {f"change of {name}": value for name, value in changed.items()}


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    def adam_update() -> dict[str, Any]:
        s = state(c, "adamw")
        u = names["adam_update"](c.grads.flat.copy(), s)
        return {"adam_update: m": s.m.flat, "adam_update: v": s.v.flat, "adam_update: u": u}

    def apply() -> dict[str, Any]:
        results = {}
        for kind, decay in (("with decay", c.options["weight_decay"]), ("without", 0.0)):
            w = c.params.dense.w.copy()
            names["apply"](w, c.m.dense.w.copy(), c.lr, decay)
            results[f"apply, {kind}"] = w - c.params.dense.w
        return results

    return {"adam_update": adam_update, "apply": apply, "adamw_step": lambda: changes(c, "adamw", names["adamw_step"])}


EXERCISE = Exercise(
    name="adamw",
    title="The optimiser AdamW",
    minutes=40,
    needs=("linear",),
    text="""
    m = β₁ m + (1 - β₁) g          v = β₂ v + (1 - β₂) g²            the running means of the gradient and of its square
    u = m / (√v + ε)               with bias correction: m / (1 - β₁ᵗ) and v / (1 - β₂ᵗ) in it, t = state.count
    w = w - lr (u + λ w)           weight decay λ, not for biases and layer norms

    m smooths the gradient over steps (momentum). Dividing by √v gives every weight a step of about the same length, however
    small or large its gradients are. The decay is added to the update, not to the gradient, so that √v does not divide it:
    that is the W of AdamW.

    Write three functions. adam_update works on flat arrays, which hold all tensors end to end; adamw_step goes through the
    tensors, and calls apply for each. Everything is changed in place: state.m.flat, state.v.flat, and each w. rates gives single
    tensors a factor of the learning rate: rates.get(name, 1.0).
    """,
    imports="import numpy as np\n\nfrom albert_np.core.params import Tree",
    given=("core.optim.adamw.takes_decay",),
    solve=("core.optim.adamw.adam_update", "core.optim.adamw.apply", "core.optim.adamw.adamw_step"),
    stub='''
def adam_update(g, state):
    """g: a flat array. Advance state.m.flat and state.v.flat in place; return u = m / (√v + ε), without decay"""
    beta1, beta2, eps = (state.options[key] for key in ("beta1", "beta2", "eps"))
    m, v = state.m.flat, state.v.flat
    # first advance m and v, in place
    if not state.options["bias_correction"]:
        return ...
    return ...  # with the correction; state.count is t


def apply(w, u, rate, decay):
    """w -= rate (u + decay w), in place; u may be changed"""
    ...


def adamw_step(params, grads, state, lr, rates):
    """Change params in place"""
    updates = Tree(params.form, adam_update(grads.flat, state))
    for (name, w), (_, u) in zip(params.items(), updates.items()):
        rate = ...  # the learning rate of this tensor
        decay = ...  # state.options["weight_decay"] if takes_decay(name, state), else 0
        apply(w, u, rate, decay)
''',
    hints=(
        "In place means: m *= beta1, then m += (1 - beta1) * g. An assignment m = ... would make a new array and leave the "
        "state as it is.",
        "ε is added to the root, outside of it: m / (np.sqrt(v) + eps). The correction divides m by 1 - beta1**state.count and v "
        "by 1 - beta2**state.count; do not store the corrected values.",
        "apply is w -= rate * (u + decay * w). With w = w - ... the caller's array would stay as it is.",
        'rate = lr * rates.get(name, 1.0); decay = state.options["weight_decay"] if takes_decay(name, state) else 0.0.',
    ),
    make=make_case,
    sizes=((4, 3), (3, 5), (5, 4), (2, 7)),
    calls=calls,
    notebook="12_lamb_and_adamw",
)
