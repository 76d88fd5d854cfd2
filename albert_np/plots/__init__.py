"""Figures drawn from plain lists and dictionaries. Nothing here reads or writes a file: the functions return matplotlib figures.

pretraining   loss, accuracies, learning rate and gradient norm of a pretraining run
finetune      loss and scores of a fine-tuning run; the confusion matrix
compression   accuracy against size and time, zeros, importance of heads
experiments   one panel per metric, one row per configuration
embeddings    a map of texts
attention     attention weights head by head, and hidden states layer by layer
axes          the style that they share
"""

from albert_np.plots.attention import attention_figure, hidden_figure
from albert_np.plots.compression import compression_figures
from albert_np.plots.embeddings import map_figure
from albert_np.plots.experiments import experiments_figure
from albert_np.plots.finetune import confusion_figure, finetune_figures
from albert_np.plots.pretraining import pretraining_figures

__all__ = [
    "attention_figure", "compression_figures", "confusion_figure", "experiments_figure", "finetune_figures", "hidden_figure",
    "map_figure", "pretraining_figures",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
