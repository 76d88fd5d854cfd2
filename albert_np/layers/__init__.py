"""The operations of ALBERT, one a file: the derivation, the forward pass, and beside it the backward pass.

    y, cache = f(x, p, ...)                     p: parameters
    dx = f_backward(dy, cache, p, g, ...)       g: their gradients, the same tree; a backward only ever adds to it

The cache is a value that the caller holds; nothing is remembered on any object. So a layer may be applied many times, and
its gradient is the sum over its uses.

What is imported from here are doors (`kernels.pair`): each leads to the textbook operation of these files or to its fast twin.
"""

from albert_np.kernels import look, pair
from albert_np.layers.activations import activation, activation_backward
from albert_np.layers.attention import attention, attention_backward, attention_probabilities
from albert_np.layers.binary_cross_entropy import binary_cross_entropy, binary_cross_entropy_backward
from albert_np.layers.cross_entropy import cross_entropy, cross_entropy_backward
from albert_np.layers.dropout import dropout, dropout_backward
from albert_np.layers.embedding import embedding, embedding_backward
from albert_np.layers.fake_quantise import fake_quantise, fake_quantise_backward
from albert_np.layers.feed_forward import feed_forward, feed_forward_backward
from albert_np.layers.fusion import fuse, fuse_backward
from albert_np.layers.gather import gather, gather_backward
from albert_np.layers.layer_norm import layer_norm, layer_norm_backward
from albert_np.layers.linear import linear, linear_backward
from albert_np.layers.masked import masked, masked_backward
from albert_np.layers.past import attend_past, fill_past
from albert_np.layers.pooler import pooler, pooler_backward
from albert_np.layers.residual import residual, residual_backward
from albert_np.layers.sequences import Sequences
from albert_np.layers.soft_cross_entropy import soft_cross_entropy, soft_cross_entropy_backward
from albert_np.layers.softmax import softmax, softmax_backward
from albert_np.layers.spread import spread, spread_backward
from albert_np.layers.squared_error import squared_error, squared_error_backward

activation, activation_backward = pair(activation, activation_backward)
attention, attention_backward = pair(attention, attention_backward)
attention_probabilities = look(attention_probabilities)  # type: ignore[assignment]
cross_entropy, cross_entropy_backward = pair(cross_entropy, cross_entropy_backward)
dropout, dropout_backward = pair(dropout, dropout_backward)
embedding, embedding_backward = pair(embedding, embedding_backward)
feed_forward, feed_forward_backward = pair(feed_forward, feed_forward_backward)
fuse, fuse_backward = pair(fuse, fuse_backward)
gather, gather_backward = pair(gather, gather_backward)
layer_norm, layer_norm_backward = pair(layer_norm, layer_norm_backward)
linear, linear_backward = pair(linear, linear_backward)
pooler, pooler_backward = pair(pooler, pooler_backward)
residual, residual_backward = pair(residual, residual_backward)
softmax, softmax_backward = pair(softmax, softmax_backward)


__all__ = [
    "Sequences", "activation", "activation_backward", "attend_past", "attention", "attention_backward",
    "attention_probabilities", "binary_cross_entropy", "binary_cross_entropy_backward", "cross_entropy",
    "cross_entropy_backward", "dropout", "dropout_backward", "embedding", "embedding_backward", "fake_quantise",
    "fake_quantise_backward", "feed_forward", "feed_forward_backward", "fill_past", "fuse", "fuse_backward", "gather",
    "gather_backward", "layer_norm", "layer_norm_backward", "linear", "linear_backward", "masked", "masked_backward",
    "pooler", "pooler_backward", "residual", "residual_backward", "soft_cross_entropy", "soft_cross_entropy_backward",
    "softmax", "softmax_backward", "spread", "spread_backward", "squared_error", "squared_error_backward",
]  # fmt: skip
