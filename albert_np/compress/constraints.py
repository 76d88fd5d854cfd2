"""The constraints that the settings of a training run ask for: pruning and quantisation. Registered with training."""

from collections.abc import Callable
from typing import Any

from albert_np.compress import SCHEMES, Pruning, QuantisationAware, Sparsity, get_scheme, sparsity, was_pruned
from albert_np.training.constraints import Constraint, register_constraint_factory


def constraints_from_settings(settings: Any, model: Any = None, note: Callable[[str], None] | None = None) -> list[Constraint]:
    """Return the constraints for these settings, see `training.constraints.ConstraintFactory`."""
    constraints: list[Constraint] = []
    pruning = Sparsity.of(settings)
    weights = getattr(settings, "weights", "float32")  # pretraining has no such setting
    scheme = None if weights == "float32" else get_scheme(weights)
    pruned_before = model is not None and was_pruned(model.params, model.config.extra.get("compressed") in SCHEMES)
    if pruning.amount or pruned_before:
        if not pruning.amount and note is not None:
            note(f"the model is pruned ({sparsity(model.params):.0%} zeros): its zeros stay")
        constraints.append(Pruning(pruning))
    if scheme is not None:
        constraints.append(QuantisationAware(scheme))
    return constraints


register_constraint_factory(constraints_from_settings)
