"""Movement pruning: keep the weights that training moves away from zero (Sanh et al. 2020).

Every weight has a score, learned by gradient descent on the gradient of a mask (compress/layers/masked.py). The weights with the
lowest scores are pruned. As in Sanh et al., scores are learned by Adam, so the steadiness of a weight's movement counts more than
the size of its gradient.

Setting a weight to 0 continues its movement. Many at once are one huge step, from which training does not recover; so the mask
grows a little at every step.
"""

from typing import Any

import numpy as np

from albert_np.core import backend, optim
from albert_np.core.params import Tree

WARMUP = 0.1  # share of the steps in which scores are learned before pruning begins
EPS = 1e-12  # gradients of scores are tiny: gradients of weights times weights


class Scores:
    """The scores of all parameters, with their Adam state."""

    def __init__(self, params: Tree) -> None:
        self.values = params.zeros_like()
        self.adam = optim.init("adamw", params, bias_correction=True, weight_decay=0.0, eps=EPS)

    def learn(self, ds: Any) -> None:
        """Update the scores. ds: the flat gradient of the mask."""
        optim.step(
            self.values, Tree(self.values.form, ds), self.adam, 1.0
        )  # any rate will do: only the order of the scores matters

    def state(self) -> dict[str, Any]:
        """Return {name: host array} for `restore`."""
        flats = {name: backend.to_host(tree.flat) for name, tree in self._trees().items()}
        return {**flats, "count": np.array([self.adam.count])}

    def restore(self, state: dict[str, Any]) -> None:
        for name, tree in self._trees().items():
            tree.flat[...] = backend.asarray_like(state[name], tree.flat)
        self.adam.count = int(state["count"][0])

    def _trees(self) -> dict[str, Tree]:
        return {"scores": self.values, "m": self.adam.m, "v": self.adam.v}
