"""Movement pruning: a weight is worth keeping if training moves it away from zero (Sanh et al. 2020).

Every weight has a score, which descends on the gradient of a mask (compress/layers/masked.py). Those with the least scores go. As
Sanh et al. do, the scores are learned by Adam: so what counts is how steadily a weight moves, not how much the loss hangs on it.

All weights that go move the same way, downhill. Many at once are one huge step of the optimiser, which no training survives; so
the mask grows at every step, by a little.
"""

from typing import Any

import numpy as np

from albert_np.core import backend, optim
from albert_np.core.params import Tree

WARMUP = 0.1  # the share of the steps in which scores are learned before the first is used
EPS = 1e-12  # gradients of scores are tiny: those of the weights times the weights


class Scores:
    """The scores of all parameters, and what Adam keeps of them."""

    def __init__(self, params: Tree) -> None:
        self.values = params.zeros_like()
        self.adam = optim.init("adamw", params, bias_correction=True, weight_decay=0.0, eps=EPS)

    def learn(self, ds: Any) -> None:
        """One step of descent. ds: the flat gradient of the mask"""
        optim.step(self.values, Tree(self.values.form, ds), self.adam, 1.0)  # at any rate: only their order counts

    def state(self) -> dict[str, Any]:
        """{name: array on the host}: what `restore` needs."""
        flats = {name: backend.to_host(tree.flat) for name, tree in self._trees().items()}
        return {**flats, "count": np.array([self.adam.count])}

    def restore(self, state: dict[str, Any]) -> None:
        for name, tree in self._trees().items():
            tree.flat[...] = backend.asarray_like(state[name], tree.flat)
        self.adam.count = int(state["count"][0])

    def _trees(self) -> dict[str, Tree]:
        return {"scores": self.values, "m": self.adam.m, "v": self.adam.v}
