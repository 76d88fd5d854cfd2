"""lamb: the optimiser."""

from typing import Any

import numpy as np

from albert_np.core.optim import OptimizerState
from albert_np.core.params import Tree, flat_size
from albert_np.learn.exercise import Case, Exercise, normal

SIZES = ((4, 3), (3, 5), (5, 4), (2, 7))


def make_case(I: int, O: int, seed: int) -> Case:
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


def draw(seed: int) -> Case:
    return make_case(*SIZES[seed % len(SIZES)], seed)


def state(c: Case) -> OptimizerState:
    return OptimizerState(name="lamb", count=c.count, m=c.m.copy(), v=c.v.copy(), options=dict(c.options))


def run(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    def moments() -> dict[str, Any]:
        s = state(c)
        u = names["moments"](c.grads.flat.copy(), s)
        return {"moments: m": s.m.flat, "moments: v": s.v.flat, "moments: u": u}

    def trust_ratio() -> dict[str, Any]:
        # an array of norms, among them zeros, as in a group of tensors
        w_norm, u_norm = np.array([2.0, 3.0, 0.0, 1.5]), np.array([4.0, 0.0, 2.0, 1.0])
        dtype = c.params.flat.dtype
        w_norm = (w_norm + c.seed * (w_norm > 0)).astype(dtype)
        return {"trust_ratio": names["trust_ratio"](w_norm, u_norm.astype(dtype))}

    def lamb_step() -> dict[str, Any]:
        params = c.params.copy()
        names["lamb_step"](params, c.grads, state(c), c.lr, c.rates)
        changed = {name: after - before for (name, after), (_, before) in zip(params.items(), c.params.items())}
        return {f"change of {name}": value for name, value in changed.items()}

    return {"moments": moments, "trust_ratio": trust_ratio, "lamb_step": lamb_step}


EXERCISE = Exercise(
    name="lamb",
    title="The optimiser LAMB",
    minutes=60,
    needs=("linear",),
    text="""
    m = β₁ m + (1 - β₁) g          v = β₂ v + (1 - β₂) g²            the running means of the gradient and of its square
    u = m / (√v + ε)               with bias correction: m / (1 - β₁ᵗ) and v / (1 - β₂ᵗ) in it, t = state.count
    u = u + λ w                    weight decay, not for biases and layer norms
    w = w - lr · (‖w‖ / ‖u‖) u     the trust ratio: each tensor's step is as long as lr times the tensor itself

    Biases and layer norms take neither decay nor trust ratio. Where ‖w‖ or ‖u‖ is 0, the ratio is 1.

    Write three functions. moments works on flat arrays, which hold all tensors end to end; lamb_step goes through the tensors.
    Everything is changed in place: state.m.flat and state.v.flat (m *= ..., m += ...), and each w (apply does w -= rate * u).
    rates gives single tensors a factor of the learning rate: rates.get(name, 1.0).
    """,
    imports="import numpy as np\n\nfrom albert_np.core.params import Tree",
    given=("core.optim.adamw.takes_decay", "core.optim.adamw.norm", "core.optim.adamw.apply"),
    solve=("core.optim.adamw.moments", "core.optim.adamw.trust_ratio", "core.optim.adamw.lamb_step"),
    stub='''
def moments(g, state):
    """g: a flat array. Advance state.m.flat and state.v.flat in place; return u = m / (√v + ε), without decay"""
    beta1, beta2, eps = (state.options[key] for key in ("beta1", "beta2", "eps"))
    m, v = state.m.flat, state.v.flat
    # 1. advance m and v in place
    # 2. without state.options["bias_correction"]:
    return ...
    # 3. with it, and t = state.count:


def trust_ratio(w_norm, u_norm):
    """Arrays of one shape -> ‖w‖ / ‖u‖, and 1 where one of them is 0"""
    return ...


def lamb_step(params, grads, state, lr, rates):
    """Change params in place"""
    updates = Tree(params.form, moments(grads.flat, state))
    for (name, w), (_, u) in zip(params.items(), updates.items()):
        rate = lr * rates.get(name, 1.0)
        if takes_decay(name, state):
            u += ...  # the decay; the factor is state.options["weight_decay"]
            u *= ...  # the trust ratio, with norm(w) and norm(u)
        apply(w, u, rate, decay=0.0)
''',
    hints=(
        "In place means: m *= beta1, then m += (1 - beta1) * g. An assignment m = ... would make a new array and leave the "
        "state as it is.",
        "ε is added to the root, outside of it: m / (np.sqrt(v) + eps). The correction divides m by 1 - beta1**state.count and v "
        "by 1 - beta2**state.count; do not store the corrected values.",
        "np.where computes both of its branches. To divide only where it is allowed: "
        "usable = (w_norm > 0) & (u_norm > 0); np.where(usable, w_norm / np.where(usable, u_norm, 1.0), 1.0).",
        "The decay comes before the ratio, so that ‖u‖ is the norm of the whole update: u += decay * w, "
        "then u *= trust_ratio(norm(w), norm(u)).",
    ),
    draw=draw,
    run=run,
    notebook="12_lamb_and_adamw",
)
