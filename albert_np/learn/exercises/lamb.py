"""lamb: the optimiser."""

from typing import Any

import numpy as np

from albert_np.learn.exercise import Case, Exercise
from albert_np.learn.exercises import adamw
from albert_np.learn.exercises.adamw import changes


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    def trust_ratio() -> dict[str, Any]:
        # an array of norms, among them zeros, as in a group of tensors
        w_norm, u_norm = np.array([2.0, 3.0, 0.0, 1.5]), np.array([4.0, 0.0, 2.0, 1.0])
        dtype = c.params.flat.dtype
        w_norm = (w_norm + c.seed * (w_norm > 0)).astype(dtype)
        return {"ratio": names["trust_ratio"](w_norm, u_norm.astype(dtype))}

    return {"trust_ratio": trust_ratio, "lamb_step": lambda: changes(c, "lamb", names["lamb_step"])}


EXERCISE = Exercise(
    name="lamb",
    title="The optimiser LAMB",
    minutes=30,
    needs=("adamw",),
    text="""
    u = m / (√v + ε)               as in AdamW: adam_update is there, you wrote it in the exercise adamw
    u = u + λ w                    weight decay, not for biases and layer norms
    w = w - lr · (‖w‖ / ‖u‖) u     the trust ratio: each tensor's step is as long as lr times the tensor itself

    With a large batch the learning rate must be large, and then the steps of some tensors are longer than the tensors. The trust
    ratio makes each step lr times as long as its tensor. Biases and layer norms take neither decay nor trust ratio. Where ‖w‖ or
    ‖u‖ is 0, the ratio is 1.

    Write two functions. norm(x) is there, and apply(w, u, rate, decay=0.0), which does w -= rate * u. u belongs to lamb_step:
    change it in place. rates gives single tensors a factor of the learning rate: rates.get(name, 1.0).
    """,
    imports="import numpy as np\n\nfrom albert_np.core.params import Tree",
    given=(
        "core.optim.adamw.takes_decay",
        "core.optim.adamw.norm",
        "core.optim.adamw.adam_update",
        "core.optim.adamw.apply",
    ),
    solve=("core.optim.adamw.trust_ratio", "core.optim.adamw.lamb_step"),
    stub='''
def trust_ratio(w_norm, u_norm):
    """Arrays of one shape -> ‖w‖ / ‖u‖, and 1 where one of them is 0"""
    return ...


def lamb_step(params, grads, state, lr, rates):
    """Change params in place"""
    updates = Tree(params.form, adam_update(grads.flat, state))
    for (name, w), (_, u) in zip(params.items(), updates.items()):
        rate = ...  # lr, times the factor of this tensor if it has one
        if takes_decay(name, state):
            u += ...  # the decay; the factor is state.options["weight_decay"]
            u *= ...  # the trust ratio, with norm(w) and norm(u)
        apply(w, u, rate, decay=0.0)
''',
    hints=(
        "The ratio of a tensor that is 0 everywhere is 1, so that it can begin to move; the same where the update is 0.",
        "np.where computes both of its branches. To divide only where it is allowed: "
        "usable = (w_norm > 0) & (u_norm > 0); np.where(usable, w_norm / np.where(usable, u_norm, 1.0), 1.0).",
        "The decay comes before the ratio, so that ‖u‖ is the norm of the whole update: u += decay * w, "
        "then u *= trust_ratio(norm(w), norm(u)).",
    ),
    make=adamw.EXERCISE.make,
    sizes=adamw.EXERCISE.sizes,
    calls=calls,
    notebook="12_lamb_and_adamw",
)
