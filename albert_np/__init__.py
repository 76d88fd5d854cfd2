"""ALBERT ("A Lite BERT", Lan et al. 2020) written by hand in NumPy: every forward pass, and next to it every backward pass.

To read it, begin with `albert_np.core`: notation, the protocol of a layer, and the order in which to read the files. The names
below are the public interface; each is imported from its module when it is first used.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from albert_np import gradcheck, learn
    from albert_np import sklearn as sklearn
    from albert_np.apps.inspect import inspect
    from albert_np.core import optim
    from albert_np.engine import use
    from albert_np.io.names import to_hf
    from albert_np.models import (
        AlbertConfig,
        AlbertForMaskedLM,
        AlbertForMultipleChoice,
        AlbertForPreTraining,
        AlbertForQuestionAnswering,
        AlbertForRelationClassification,
        AlbertForSequenceClassification,
        AlbertForTokenClassification,
        AlbertForTranslation,
        AlbertModel,
    )
    from albert_np.models.base import Dropout
    from albert_np.tasks.embedder import Embedder
    from albert_np.tasks.finetune import finetune
    from albert_np.tasks.trained import Trained
    from albert_np.text import AlbertTokenizer
    from albert_np.training import pretrain
    from albert_np.version import __version__

_MODULES = {
    "AlbertConfig": "models", "AlbertForMaskedLM": "models", "AlbertForMultipleChoice": "models",
    "AlbertForPreTraining": "models", "AlbertForQuestionAnswering": "models", "AlbertForRelationClassification": "models",
    "AlbertForSequenceClassification": "models", "AlbertForTokenClassification": "models", "AlbertForTranslation": "models",
    "AlbertModel": "models", "AlbertTokenizer": "text", "Dropout": "models.base", "Trained": "tasks.trained",
    "Embedder": "tasks.embedder",
    "__version__": "version", "finetune": "tasks.finetune", "inspect": "apps.inspect",
    "pretrain": "training", "to_hf": "io.names", "use": "engine",
}  # fmt: skip
# sklearn: an extra, so not in __all__
_SUBMODULES = {"gradcheck": "gradcheck", "learn": "learn", "optim": "core.optim", "sklearn": "sklearn"}

__all__ = [
    "AlbertConfig", "AlbertForMaskedLM", "AlbertForMultipleChoice", "AlbertForPreTraining", "AlbertForQuestionAnswering",
    "AlbertForRelationClassification", "AlbertForSequenceClassification", "AlbertForTokenClassification",
    "AlbertForTranslation", "AlbertModel", "AlbertTokenizer", "Dropout", "Embedder", "Trained", "__version__", "finetune",
    "gradcheck", "inspect", "learn", "optim", "pretrain", "to_hf", "use",
]  # fmt: skip
__dir__ = __all__.copy  # for completion


def _load(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"albert_np.{_SUBMODULES[name]}")
    if name not in _MODULES:
        from difflib import get_close_matches

        from albert_np.io.similar_names import OF_TRANSFORMERS
        from albert_np.moved import describe

        near = "" if name.startswith("_") else " or ".join(get_close_matches(name, __all__, n=2))
        hint = OF_TRANSFORMERS.get(name) or (f"; did you mean {near}?" if near else "")
        message = describe(f"albert_np.{name}") or f"module 'albert_np' has no attribute {name!r}{hint}"
        raise AttributeError(message, name=name)  # with a name, Python adds no second suggestion
    return getattr(import_module(f"albert_np.{_MODULES[name]}"), name)


if not TYPE_CHECKING:  # it would have every name, mistyped ones too
    __getattr__ = _load


class _MovedModules:
    """A finder that raises an ImportError with the new name for the old name of a module (see `albert_np.moved`).

    It comes first, because a directory left over from an older version would be found as a namespace package.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name.startswith("albert_np.") and name != "albert_np.moved":
            from albert_np.moved import check

            check(name)


sys.meta_path.insert(0, _MovedModules)
