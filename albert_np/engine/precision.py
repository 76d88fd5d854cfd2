"""In which numbers a step is computed: float32, or on a GPU less exact ones that its matrix units are made for.

float32   as everywhere
tf32      float32 whose products round their factors to 10 bits and add up in float32: nothing else changes
float16   activations and products in float16, added up in float32 (Micikevicius et al. 2018, "Mixed precision training").
          The parameters that the optimiser changes stay float32, and so do gradients, which ALBERT's one layer adds up over
          all its uses; the loss is scaled (engine/loss_scale.py).
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


def computing(model: Any, precision: str) -> "InFloat32 | InFloat16":
    """What computes the steps of a model in this precision, one of PRECISIONS. ValueError where its parameters cannot be computed
    with so."""
    place = backend.of(model.params.flat)
    if precision != "float32":
        if not hasattr(place, "tf32"):
            raise ValueError(f"precision {precision} needs a GPU (--backend cupy); the parameters are on {place.name}")
        if model.params.flat.dtype != "float32":
            raise ValueError(f"precision {precision} is for parameters in float32, not {model.params.flat.dtype}")
    if precision == "float16" and not kernels_run(model.params.flat):
        raise ValueError("precision float16 needs the kernels: ALBERT_NP_REFERENCE switches them off")
    if precision == "tf32":
        place.tf32 = True
    return InFloat16(model) if precision == "float16" else InFloat32(model)


class InFloat32:
    """Steps in the dtype of the parameters. scale: None, there is no loss scale."""

    def __init__(self, model: Any) -> None:
        self.steps, self.scale = StepGraphs(model), None

    def gradients(self, batches: list[Arrays], whole: dict[str, float], rng: RandomKey | None, grads: Tree) -> list[Any]:
        """The results of each micro-batch, in order; the gradient of their sum is written into `grads`."""
        grads.flat[...] = 0
        return [self.steps(arrays, grads, whole, rng) for arrays in batches]

    def seen(self, norm: Any) -> Any:
        """The gradient's norm () as it is to be told."""
        return norm

    def state(self) -> dict[str, float]:
        return {}

    def restore(self, state: dict[str, float]) -> None:
        """There is nothing to restore."""


class InFloat16:
    """Steps in float16; the parameters and `grads` are float32."""

    def __init__(self, model: Any) -> None:
        self.params = model.params
        self.half = type(model).of(model.config, self.params.astype("float16"))
        vars(self.half).update({key: value for key, value in vars(model).items() if key == "objective"})
        self.steps, self.scale = StepGraphs(self.half), LossScale(self.params.flat)

    def gradients(self, batches: list[Arrays], whole: dict[str, float], rng: RandomKey | None, grads: Tree) -> list[Any]:
        """As `InFloat32.gradients`. A loss that is divided by less is scaled."""
        self.half.params.flat[...] = self.params.flat
        grads.flat[...] = 0
        S = self.scale.scale.reshape(())
        divided = {name: number / S for name, number in whole.items()}
        results = [unscaled(self.steps(arrays, grads, divided, rng), S) for arrays in batches]
        grads.flat *= 1 / S
        return results

    def seen(self, norm: Any) -> Any:
        """The norm, from which the loss scale learns; 0 for a gradient that is not used."""
        self.scale.see(norm)
        return np.where(np.isfinite(norm), norm, 0.0)

    def state(self) -> dict[str, float]:
        return self.scale.state()

    def restore(self, state: dict[str, float]) -> None:
        self.scale.restore(state)


def unscaled(results: Any, S: Any) -> Any:
    """The results of a pass with its losses as they would be without the scale."""
    losses = [name for name in ("loss", "mlm_loss", "sop_loss") if hasattr(results, name)]
    return replace(results, **{name: getattr(results, name) / S for name in losses})
