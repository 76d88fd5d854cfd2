"""Operations on compressed weights: masking, rounding, and low-rank factors (factored.py, which registers itself)."""

from albert_np.compress.layers.fake_quantise import fake_quantise, fake_quantise_backward
from albert_np.compress.layers.masked import apply_mask, apply_mask_backward

__all__ = ["apply_mask", "apply_mask_backward", "fake_quantise", "fake_quantise_backward"]
__dir__ = __all__.copy  # for completion
