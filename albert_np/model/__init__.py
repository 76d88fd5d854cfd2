"""The model: embeddings, the shared block, the encoder, fusion, heads; `albert.py` is the whole forward and backward pass."""

from albert_np.model.batch import Batch
from albert_np.model.models import AlbertForMaskedLM, AlbertForPreTraining, AlbertModel

__all__ = ["AlbertForMaskedLM", "AlbertForPreTraining", "AlbertModel", "Batch"]
