"""The figures of runs, drawn from what they leave behind."""

from albert_np.plots.compression import draw_sweep
from albert_np.plots.experiments import draw_experiments
from albert_np.plots.finetuning import draw_confusion, draw_finetuning
from albert_np.plots.pretraining import draw

__all__ = ["draw", "draw_confusion", "draw_experiments", "draw_finetuning", "draw_sweep"]
