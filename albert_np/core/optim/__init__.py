"""Optimisers: plain functions on (parameters, gradients, state), all trees of one form over flat buffers."""

from albert_np.core.optim.adamw import init, step
from albert_np.core.optim.clip import clip
from albert_np.core.optim.schedule import learning_rate

__all__ = ["clip", "init", "learning_rate", "step"]
