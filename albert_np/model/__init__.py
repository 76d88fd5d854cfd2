"""The model: embeddings, the shared block, the encoder, fusion, heads.

albert.py is the whole forward and backward pass of the body and of pretraining, fine_tuning.py that of each task.
"""

from albert_np.model.batch import Batch
from albert_np.model.models import AlbertForMaskedLM, AlbertForPreTraining, AlbertModel
from albert_np.model.task_models import (
    AlbertForQuestionAnswering,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
)

__all__ = [
    "AlbertForMaskedLM", "AlbertForPreTraining", "AlbertForQuestionAnswering", "AlbertForSequenceClassification",
    "AlbertForTokenClassification", "AlbertModel", "Batch",
]  # fmt: skip
