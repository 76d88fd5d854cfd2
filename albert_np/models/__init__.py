"""The model: embeddings, the shared block, the encoder, fusion, heads.

albert.py is the whole forward and backward pass of the body and of pretraining, fine_tuning.py that of each task, translation.py
that of translation; generation.py writes a target token by token.
"""

from albert_np import engine  # noqa: F401  (registers the kernels)
from albert_np.core.batch import Batch
from albert_np.models.config import AlbertConfig
from albert_np.models.pretraining import AlbertForMaskedLM, AlbertForPreTraining, AlbertModel
from albert_np.models.tasks import (
    AlbertForQuestionAnswering,
    AlbertForRelationClassification,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
)
from albert_np.models.translation import AlbertForTranslation

__all__ = [
    "AlbertConfig", "AlbertForMaskedLM", "AlbertForPreTraining", "AlbertForQuestionAnswering", "AlbertForRelationClassification",
    "AlbertForSequenceClassification", "AlbertForTokenClassification", "AlbertForTranslation", "AlbertModel", "Batch",
]  # fmt: skip
