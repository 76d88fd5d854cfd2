"""Constraints on the parameters during training: pruning and quantisation (compress/), frozen tensors.

with forward_context(constraints, params):      around the forward and the backward pass, and every evaluation
    ...
    constraint.on_gradients                     after the all-reduce, before clipping
optimiser step
constraint.on_step_end                          makes the parameters satisfy the constraint again
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Protocol

from albert_np.core.optim import OptimizerState
from albert_np.core.params import Tree


class Constraint:
    """Base class; the default constrains nothing."""

    def start(self, params: Tree, total: int) -> None:
        """Prepare for a run of `total` steps. params: those at its start, or at the checkpoint that it is resumed from."""

    def forward_context(self, params: Tree) -> AbstractContextManager[None]:
        """Return a context in which `params` holds the values that the model computes with; outside, those of the optimiser."""
        return nullcontext()

    def on_gradients(self, params: Tree, grads: Tree) -> None:
        """Change the gradients, in place. Called within `forward_context`."""

    def on_step_end(self, params: Tree, optimizer: OptimizerState, step: int) -> None:
        """Change the parameters and the optimiser's moments after update `step`, the first being 1."""

    def is_final(self, step: int) -> bool:
        """Return True if the constraint has its final form after this step. The best epoch is chosen among such."""
        return True

    def finish(self, params: Tree) -> None:
        """After the last step: leave the parameters as `forward_context` shows them."""

    def state(self) -> dict[str, Any]:
        """Return {name: flat host array}: what a checkpoint needs to continue."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned. Called after `start`."""

    def quantised_tensors(self) -> dict[str, Any]:
        """Return {name: quantised tensor} of those that the model's file stores as integers, after `finish`."""
        return {}


@contextmanager
def forward_context(constraints: Sequence[Constraint], params: Tree) -> Iterator[None]:
    """Enter the contexts of all constraints, the first outermost."""
    with ExitStack() as stack:
        for constraint in constraints:
            stack.enter_context(constraint.forward_context(params))
        yield


# ---- from settings to constraints ----


class ConstraintFactory(Protocol):
    """Return the constraints that the settings ask for, in the order in which they are applied.

    model: a trained model to start from, whose zeros stay if it was pruned; None: a new one. note: called with a line of text
    about that. ValueError if the settings make no sense.
    """

    def __call__(self, settings: Any, model: Any = None, note: Callable[[str], None] | None = None) -> Sequence[Constraint]: ...


_factory: ConstraintFactory | None = None


def register_constraint_factory(factory: ConstraintFactory) -> None:
    """Set the function behind `get_constraints`."""
    global _factory
    _factory = factory


def get_constraints(settings: Any, model: Any = None, note: Callable[[str], None] | None = None) -> list[Constraint]:
    """Return the constraints that the settings of a run ask for; see `ConstraintFactory`."""
    if _factory is None:  # the code is in compress, which stands above training; it registers its factory when it is imported
        importlib.import_module("albert_np.compress.constraints")
    assert _factory is not None
    return list(_factory(settings, model, note))
