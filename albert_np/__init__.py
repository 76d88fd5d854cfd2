"""ALBERT ("A Lite BERT", Lan et al. 2020) written out by hand in NumPy: every forward pass, and beside it every backward pass.

The letters, the papers' own, used throughout:

    N  tokens of the batch, one row each      V  vocabulary               L  layers
    B  sequences of the batch                 E  embedding width          M  masked positions
    T  tokens of one sequence                 H  hidden width             C  classes
    A  heads        D  = H / A                F  feed-forward width
    dz is the derivative of the loss with respect to z, and has its shape. Weights are stored (in, out).

The protocol of a layer:

    y, cache = f(x, p, ...)                   p: parameters, p.w and p.b for instance
    dx = f_backward(dy, cache, p, g, ...)     g: the gradients, the same tree; a backward only ever adds to it

    The cache is a value that the caller holds. Nothing is remembered on any object, so a layer that is applied twelve times,
    as ALBERT's is, has a cache for each time and one g, in which the gradients of all its uses add up.

There is no padding inside: a batch is its real tokens end to end, (N, H), and `Sequences` says which rows belong together.
"""

from typing import Any

from albert_np import optim
from albert_np.backend import use
from albert_np.config import AlbertConfig
from albert_np.machine import keep_freed_memory
from albert_np.model import (
    AlbertForMaskedLM,
    AlbertForPreTraining,
    AlbertForQuestionAnswering,
    AlbertForRelationClassification,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
    AlbertForTranslation,
    AlbertModel,
)
from albert_np.randomness import Dropout
from albert_np.version import __version__
from albert_np.weights.names import to_hf

__all__ = [
    "AlbertConfig", "AlbertForMaskedLM", "AlbertForPreTraining", "AlbertForQuestionAnswering", "AlbertForRelationClassification",
    "AlbertForSequenceClassification", "AlbertForTokenClassification", "AlbertForTranslation", "AlbertModel", "AlbertTokenizer",
    "Dropout", "Trained", "__version__", "finetune", "gradcheck", "optim", "pretrain", "to_hf", "use",
]  # fmt: skip

keep_freed_memory()

# What needs more than NumPy is imported when it is first asked for.
_LAZY = {"AlbertTokenizer": "albert_np.text", "pretrain": "albert_np.training", "finetune": "albert_np.tasks.finetuning",
         "Trained": "albert_np.tasks.trained", "gradcheck": "albert_np.gradcheck"}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'albert_np' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(_LAZY[name])
    return module if _LAZY[name].endswith("." + name) else getattr(module, name)
