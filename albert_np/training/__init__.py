"""Training: one trainer for pretraining and fine-tuning.

trainer.py       the loop, starting and resuming               objective.py, constraints.py, callbacks.py   its extension points
pretraining.py   what is particular to pretraining             finetune.py                   what is particular to fine-tuning
checkpoint.py    checkpoints                                   run_folder.py                                the folder of a run
continuing.py    a run that goes on from an earlier one        progress.py, tensorboard.py                  what shows a run
"""

from albert_np.training.callbacks import Callback, Report
from albert_np.training.checkpoint import Damaged
from albert_np.training.continuing import inherit_settings
from albert_np.training.data import RunData, get_run_data, prepare_data
from albert_np.training.divergence import Diverged
from albert_np.training.evaluate import evaluate
from albert_np.training.pretraining import Summary, pretrain
from albert_np.training.progress import Progress
from albert_np.training.settings import Settings

__all__ = [
    "Callback", "Damaged", "Diverged", "Progress", "Report", "RunData", "Settings", "Summary", "evaluate", "get_run_data",
    "inherit_settings", "prepare_data", "pretrain",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
