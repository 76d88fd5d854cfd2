"""Dynamic loss scaling (Micikevicius et al. 2018, section 3.2): the loss is multiplied by S, so that small gradients do not
underflow in float16, and the gradient is divided by S before it is used.

If the gradient is not finite, the update is skipped and S halved; after `patience` finite ones in a row S is doubled. All of it
happens on the device: whether to update is a number there, which the optimiser reads, so the host never waits.
"""

from typing import Any

import numpy as np

from albert_np.core import backend

START = 2.0**15
SMALLEST, LARGEST = 2.0**-14, 2.0**24


class LossScale:
    """The scale and its counters, on the device of `like`.

    scale (1,) float32
    finite, good, skipped (1,) int64: 1 if the last gradient was finite, else 0; finite gradients in a row; updates skipped so far
    """

    def __init__(self, like: Any, patience: int = 2000) -> None:
        self.patience = patience
        self.scale = backend.asarray_like(np.full(1, START, np.float32), like)
        self.finite, self.good, self.skipped = (backend.asarray_like(np.full(1, n), like) for n in (1, 0, 0))

    def update(self, norm: Any) -> None:
        """Adapt the scale to the norm () of the unscaled gradient. To be called before the optimiser step that reads `finite`."""
        self.finite[...] = np.isfinite(norm).reshape(1)
        self.skipped += 1 - self.finite
        self.good += 1
        self.good *= self.finite
        grows = self.good >= self.patience  # (1,)
        self.scale *= np.where(self.finite > 0, np.where(grows, 2.0, 1.0), 0.5).astype(np.float32)
        self.scale[...] = np.clip(self.scale, SMALLEST, LARGEST)
        self.good *= 1 - grows.astype(np.int64)

    def state(self) -> dict[str, float]:
        """Return what a checkpoint needs to continue."""
        numbers = {name: backend.to_host(getattr(self, name)) for name in ("scale", "good", "skipped")}
        return {name: float(x[0]) for name, x in numbers.items()}

    def restore(self, state: dict[str, float]) -> None:
        for name, value in state.items():
            getattr(self, name)[...] = value
