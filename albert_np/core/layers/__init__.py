"""The operations of ALBERT, one a file: the derivation, the forward pass, and beside it the backward pass.

    y, cache = f(x, p, ...)                     p: parameters
    dx = f_backward(dy, cache, p, g, ...)       g: their gradients, the same tree; a backward only ever adds to it

The cache is a value that the caller holds; nothing is remembered on any object. So a layer may be applied many times, and
its gradient is the sum over its uses.

What is imported from here are doors (`kernels.pair`): each leads to the textbook operation of these files or to its fast twin.
"""

from albert_np.core.dispatch import look, pair
from albert_np.core.layers.activations import activation, activation_backward
from albert_np.core.layers.add_norm import residual, residual_backward
from albert_np.core.layers.attention import attention, attention_backward, attention_probabilities
from albert_np.core.layers.cross_entropy import cross_entropy, cross_entropy_backward
from albert_np.core.layers.dropout import dropout, dropout_backward
from albert_np.core.layers.embedding import embedding, embedding_backward
from albert_np.core.layers.feed_forward import feed_forward, feed_forward_backward
from albert_np.core.layers.fusion import fuse, fuse_backward
from albert_np.core.layers.gather import gather, gather_backward
from albert_np.core.layers.layer_norm import layer_norm, layer_norm_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.layers.pooler import pooler, pooler_backward
from albert_np.core.layers.softmax import softmax, softmax_backward
from albert_np.core.sequences import Sequences

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
    "Sequences", "activation", "activation_backward", "attention", "attention_backward", "attention_probabilities",
    "cross_entropy", "cross_entropy_backward", "dropout", "dropout_backward", "embedding", "embedding_backward",
    "feed_forward", "feed_forward_backward", "fuse", "fuse_backward", "gather", "gather_backward", "layer_norm",
    "layer_norm_backward", "linear", "linear_backward", "pooler", "pooler_backward", "residual", "residual_backward",
    "softmax", "softmax_backward",
]  # fmt: skip
