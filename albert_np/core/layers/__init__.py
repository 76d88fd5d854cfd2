"""The operations of ALBERT, one per file: derivation, forward pass, and next to it the backward pass."""

from albert_np.core.layers.activations import activation, activation_backward
from albert_np.core.layers.add_norm import add_norm, add_norm_backward
from albert_np.core.layers.attention import attend, attend_backward, attention, attention_backward
from albert_np.core.layers.cross_entropy import cross_entropy, cross_entropy_backward
from albert_np.core.layers.dropout import dropout, dropout_backward
from albert_np.core.layers.embedding import embedding, embedding_backward
from albert_np.core.layers.feed_forward import feed_forward, feed_forward_backward
from albert_np.core.layers.fusion import fuse, fuse_backward, fuse_levels, fuse_levels_backward
from albert_np.core.layers.gather import gather, gather_backward
from albert_np.core.layers.layer_norm import layer_norm, layer_norm_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.layers.pooler import pooler, pooler_backward
from albert_np.core.layers.softmax import softmax, softmax_backward
