"""Dynamic loss scaling (Micikevicius et al. 2018, section 3.2): the loss is multiplied by S, so that gradients are not lost below
the smallest float16, and the gradient is divided by S before it is used.

If the gradient is not finite the update is left out and S halved; after `patience` good ones in a row S is doubled. All of it
happens on the device: whether to update is a number there, which the optimiser reads, and the host never waits.
"""

from typing import Any

import numpy as np

from albert_np.core import backend

START = 2.0**15
SMALLEST, LARGEST = 2.0**-14, 2.0**24


class LossScale:
    """scale (1,) float32; finite (1,): 1 or 0, whether the last gradient was; good (1,): such in a row; skipped (1,): updates
    left out so far. int64, on the device of `like`."""

    def __init__(self, like: Any, patience: int = 2000) -> None:
        self.patience = patience
        self.scale = backend.asarray_like(np.full(1, START, np.float32), like)
        self.finite, self.good, self.skipped = (backend.asarray_like(np.full(1, n), like) for n in (1, 0, 0))

    def see(self, norm: Any) -> None:
        """norm (): of the gradient, unscaled. Before the update that it decides on."""
        self.finite[...] = np.isfinite(norm).reshape(1)
        self.skipped += 1 - self.finite
        self.good += 1
        self.good *= self.finite
        grows = self.good >= self.patience  # (1,)
        self.scale *= np.where(self.finite > 0, np.where(grows, 2.0, 1.0), 0.5).astype(np.float32)
        self.scale[...] = np.clip(self.scale, SMALLEST, LARGEST)
        self.good *= 1 - grows.astype(np.int64)

    def state(self) -> dict[str, float]:
        """What a checkpoint needs to go on."""
        numbers = {name: backend.to_host(getattr(self, name)) for name in ("scale", "good", "skipped")}
        return {name: float(x[0]) for name, x in numbers.items()}

    def restore(self, state: dict[str, float]) -> None:
        for name, value in state.items():
            getattr(self, name)[...] = value
