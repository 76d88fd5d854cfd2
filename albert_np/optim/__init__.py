"""Optimisers: plain functions on (parameters, gradients, state), all trees of one form over flat buffers."""

from albert_np.optim.adam import init, step
from albert_np.optim.clip import clip
from albert_np.optim.layers import rates
from albert_np.optim.schedule import learning_rate

__all__ = ["clip", "init", "learning_rate", "rates", "step"]
