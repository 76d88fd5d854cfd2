"""Operations of compressed weights: masked, rounded, and in two factors (factored.py, which registers itself)."""

from albert_np.compress.layers.fake_quantise import fake_quantise, fake_quantise_backward
from albert_np.compress.layers.masked import masked, masked_backward

__all__ = ["fake_quantise", "fake_quantise_backward", "masked", "masked_backward"]
