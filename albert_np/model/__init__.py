"""The model: embeddings, the shared block, the encoder, fusion, heads.

albert.py is the whole forward and backward pass of the body and of pretraining, fine_tuning.py that of each task, translation.py
that of translation; generation.py writes a target token by token.
"""

from albert_np.model.batch import Batch
from albert_np.model.models import AlbertForMaskedLM, AlbertForPreTraining, AlbertModel
from albert_np.model.task_models import (
    AlbertForQuestionAnswering,
    AlbertForRelationClassification,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
)
from albert_np.model.translation import AlbertForTranslation

__all__ = [
    "AlbertForMaskedLM", "AlbertForPreTraining", "AlbertForQuestionAnswering", "AlbertForRelationClassification",
    "AlbertForSequenceClassification", "AlbertForTokenClassification", "AlbertForTranslation", "AlbertModel", "Batch",
]  # fmt: skip
