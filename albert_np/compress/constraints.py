"""The constraints that the settings of a training run ask for: pruning and quantisation. Registered with training."""

from collections.abc import Callable
from typing import Any

from albert_np.compress.pruning import Pruning, Sparsity, was_pruned
from albert_np.compress.quantising import KINDS, QuantisationAware, kind_of
from albert_np.compress.tensors import sparsity
from albert_np.training.constraints import Constraint, register_constraint_factory


def constraints_from_settings(settings: Any, model: Any = None, note: Callable[[str], None] | None = None) -> list[Constraint]:
    """Return the constraints for these settings, see `training.constraints.ConstraintFactory`."""
    constraints: list[Constraint] = []
    pruning = Sparsity.of(settings)
    weights = getattr(settings, "weights", "float32")  # pretraining has no such setting
    kind = None if weights == "float32" else kind_of(weights)
    pruned_before = model is not None and was_pruned(model.params, model.config.extra.get("compressed") in KINDS)
    if pruning.amount or pruned_before:
        if not pruning.amount and note is not None:
            note(f"the model is pruned ({sparsity(model.params):.0%} zeros): its zeros stay")
        constraints.append(Pruning(pruning))
    if kind is not None:
        constraints.append(QuantisationAware(kind))
    return constraints


register_constraint_factory(constraints_from_settings)
