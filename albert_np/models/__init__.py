"""The public classes: padded (B, T) arrays in, outputs, losses and gradients out.

config                       AlbertConfig
base, pretraining, tasks     the classes; base has what all of them share
multiple_choice              the class whose arrays are (B, choices, T)
padded, labels, output       checks of a user's arrays and labels, packing, and the results of a call
heads, task_losses, layers/  heads and losses of the tasks, with their backward passes
requested                    which outputs of a call are computed
objective, batch, shapes     the loss that a class is trained with, its batches and its parameters
translation, generation      sequence-to-sequence with a prefix mask, and beam search
embedder                     vectors of sentences
distillation                 training a student with a teacher
"""

from albert_np import engine  # noqa: F401  (registers the kernels)
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.multiple_choice import AlbertForMultipleChoice
from albert_np.models.pretraining import AlbertForMaskedLM, AlbertForPreTraining, AlbertModel
from albert_np.models.tasks import (
    AlbertForQuestionAnswering,
    AlbertForRelationClassification,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
)
from albert_np.models.translation import AlbertForTranslation

__all__ = [
    "AlbertConfig", "AlbertForMaskedLM", "AlbertForMultipleChoice", "AlbertForPreTraining", "AlbertForQuestionAnswering",
    "AlbertForRelationClassification", "AlbertForSequenceClassification", "AlbertForTokenClassification", "AlbertForTranslation",
    "AlbertModel", "TaskBatch",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
