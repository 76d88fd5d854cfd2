"""The precision policies of a training step: float32 or, on a GPU, the less exact numbers that its matrix units are made for.

float32   as everywhere
tf32      float32 whose products round their factors to 10 bits and accumulate in float32; nothing else changes
float16   activations and products in float16, accumulated in float32 (Micikevicius et al. 2018, "Mixed precision training").
          The optimiser's parameters stay float32, and so do the gradients, which ALBERT's one layer accumulates over all its
          uses; the loss is scaled (engine/loss_scale.py).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.core.random import RandomKey
from albert_np.engine.kernels import kernels_run
from albert_np.engine.loss_scale import LossScale
from albert_np.engine.step_graphs import Arrays, StepGraphs

PRECISIONS = ("float32", "tf32", "float16")


def get_precision_policy(model: Any, precision: str) -> "Float32Policy | Float16Policy":
    """Return the policy that computes a model's training steps in this precision, one of PRECISIONS.

    ValueError if the model's parameters do not allow it: other precisions than float32 need float32 parameters on a GPU, and
    float16 needs the kernels.
    """
    device = backend.of(model.params.flat)
    if precision != "float32":
        if not hasattr(device, "tf32"):
            raise ValueError(f"precision {precision} needs a GPU: `ab.use('cupy')`; the parameters are on {device.name}")
        if model.params.flat.dtype != "float32":
            raise ValueError(f"precision {precision} is for parameters in float32, not {model.params.flat.dtype}")
    if precision == "float16" and not kernels_run(model.params.flat):
        raise ValueError("precision float16 needs the kernels: ALBERT_NP_REFERENCE switches them off")
    if precision == "tf32":
        device.tf32 = True
    return Float16Policy(model) if precision == "float16" else Float32Policy(model)


class Float32Policy:
    """Steps in the dtype of the parameters. loss_scale is None: the loss is not scaled."""

    loss_scale: LossScale | None = None

    def __init__(self, model: Any) -> None:
        self.steps = StepGraphs(model)

    def compute_gradients(
        self, batches: list[Arrays], denominators: dict[str, float], key: RandomKey | None, grads: Tree
    ) -> list[Any]:
        """Write the gradient of the micro-batches' summed losses into `grads` and return the results of each, in order."""
        grads.flat[...] = 0
        results = []
        for arrays in batches:
            results.append(self.steps(arrays, grads, denominators, key))  # noqa: PERF401  a frame less than a comprehension
        return results

    def update_loss_scale(self, norm: Any) -> Any:
        """Return the gradient norm to log, a 0-d array."""
        return norm

    def state(self) -> dict[str, float]:
        return {}

    def restore(self, state: dict[str, float]) -> None:
        """There is nothing to restore."""


class Float16Policy:
    """Steps in float16; the parameters and `grads` are float32."""

    loss_scale: LossScale

    def __init__(self, model: Any) -> None:
        self.params = model.params
        self.half = type(model).of(model.config, self.params.astype("float16"))
        vars(self.half).update({key: value for key, value in vars(model).items() if key == "objective"})
        self.steps, self.loss_scale = StepGraphs(self.half), LossScale(self.params.flat)

    def compute_gradients(
        self, batches: list[Arrays], denominators: dict[str, float], key: RandomKey | None, grads: Tree
    ) -> list[Any]:
        """Do as `Float32Policy.compute_gradients`. To scale the loss by S, its denominators are divided by S."""
        self.half.params.flat[...] = self.params.flat
        grads.flat[...] = 0
        S = self.loss_scale.scale.reshape(())
        divided = {name: number / S for name, number in denominators.items()}
        results = [unscale_losses(self.steps(arrays, grads, divided, key), S) for arrays in batches]
        grads.flat *= 1 / S
        return results

    def update_loss_scale(self, norm: Any) -> Any:
        """Adapt the loss scale to the gradient's norm and return the norm to log: 0 for a gradient that is not used."""
        self.loss_scale.update(norm)
        return np.where(np.isfinite(norm), norm, 0.0)

    def state(self) -> dict[str, float]:
        """Return what a checkpoint needs of the loss scale."""
        return self.loss_scale.state()

    def restore(self, state: dict[str, float]) -> None:
        self.loss_scale.restore(state)


def unscale_losses(results: Any, S: Any) -> Any:
    """Return the results of a scaled pass with the losses divided by the scale S."""
    losses = [name for name in ("loss", "mlm_loss", "sop_loss") if hasattr(results, name)]
    return replace(results, **{name: getattr(results, name) / S for name in losses})
