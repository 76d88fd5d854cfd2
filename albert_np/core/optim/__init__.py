"""Optimisers: plain functions on (parameters, gradients, state), all trees of one form over flat buffers."""

from albert_np.core.optim.adamw import DEFAULTS, OptimizerState, adamw_step, lamb_step
from albert_np.core.optim.clip import clip
from albert_np.core.optim.schedule import learning_rate
from albert_np.core.params import Tree

__all__ = ["DEFAULTS", "STEPS", "OptimizerState", "adamw_step", "clip", "init", "lamb_step", "learning_rate", "step"]
__dir__ = __all__.copy  # for completion
STEPS = {"adamw": adamw_step, "lamb": lamb_step}


def init(name: str, params: Tree, **options: float) -> OptimizerState:
    """A fresh state for "adamw" or "lamb"; options as in DEFAULTS. Raises ValueError for other names and options."""
    if name not in STEPS:
        raise ValueError(f"unknown optimizer {name!r}; there are {' and '.join(STEPS)}")
    if unknown := [key for key in options if key not in DEFAULTS]:
        raise ValueError(f"unknown option {unknown[0]!r} of {name}; there are {', '.join(DEFAULTS)}")
    return OptimizerState(name=name, count=0, m=params.zeros_like(), v=params.zeros_like(), options={**DEFAULTS, **options})


def step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float] | None = None) -> None:
    """One update of params and state, in place. rates: {tensor name: factor of lr}; 1 if missing, 0 leaves it as it is."""
    state.count += 1
    STEPS[state.name](params, grads, state, lr, rates or {})
