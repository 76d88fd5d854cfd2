"""Operations of the tasks and of text generation that `core.layers` does not have."""

from albert_np.models.layers.attention_probabilities import attention_probabilities
from albert_np.models.layers.binary_cross_entropy import binary_cross_entropy, binary_cross_entropy_backward
from albert_np.models.layers.kv_cache import attend_cached, fill_cache
from albert_np.models.layers.pad_packed import pad_packed, pad_packed_backward
from albert_np.models.layers.segment_table import segment_table, segment_table_backward
from albert_np.models.layers.soft_cross_entropy import soft_cross_entropy, soft_cross_entropy_backward
from albert_np.models.layers.squared_error import squared_error, squared_error_backward

__all__ = [
    "attend_cached", "attention_probabilities", "binary_cross_entropy", "binary_cross_entropy_backward", "fill_cache",
    "pad_packed", "pad_packed_backward", "segment_table", "segment_table_backward", "soft_cross_entropy",
    "soft_cross_entropy_backward", "squared_error", "squared_error_backward",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
