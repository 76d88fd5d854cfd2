"""Operations that the tasks and text generation need besides those of `core.layers`."""

from albert_np.models.layers.binary_cross_entropy import binary_cross_entropy, binary_cross_entropy_backward
from albert_np.models.layers.kv_cache import attend_past, fill_past
from albert_np.models.layers.pad_packed import spread, spread_backward
from albert_np.models.layers.soft_cross_entropy import soft_cross_entropy, soft_cross_entropy_backward
from albert_np.models.layers.squared_error import squared_error, squared_error_backward

__all__ = [
    "attend_past", "binary_cross_entropy", "binary_cross_entropy_backward", "fill_past", "soft_cross_entropy",
    "soft_cross_entropy_backward", "spread", "spread_backward", "squared_error", "squared_error_backward",
]  # fmt: skip
