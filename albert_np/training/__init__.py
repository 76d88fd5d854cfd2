"""Training: one flat loop, checkpoints, resuming, and what a run tells the outside."""

from albert_np.training.callbacks import Report
from albert_np.training.checkpoint import Damaged
from albert_np.training.data import RunData, data_of, prepare_data
from albert_np.training.divergence import Diverged
from albert_np.training.evaluate import evaluate
from albert_np.training.loop import Summary, pretrain
from albert_np.training.settings import Settings

__all__ = [
    "Damaged", "Diverged", "Report", "RunData", "Settings", "Summary", "data_of", "evaluate", "prepare_data", "pretrain",
]  # fmt: skip
