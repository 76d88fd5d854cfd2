"""Twins for NumPy arrays: the same formulas as in `layers/`, in place and by blocks of rows that fit the processor's cache.

They run on the thread that calls them. A step is threaded one level up, by whole sequences (engine/shards.py): there nothing has
to wait but once, at the end.
"""

from albert_np.engine.cpu.activations import activation, activation_backward
from albert_np.engine.cpu.adam import adam_step
from albert_np.engine.cpu.add_norm import residual, residual_backward
from albert_np.engine.cpu.attention import attention, attention_backward, attention_probabilities
from albert_np.engine.cpu.cross_entropy import cross_entropy, cross_entropy_backward
from albert_np.engine.cpu.dropout import dropout, dropout_backward
from albert_np.engine.cpu.embedding import embedding, embedding_backward
from albert_np.engine.cpu.feed_forward import feed_forward, feed_forward_backward
from albert_np.engine.cpu.layer_norm import layer_norm, layer_norm_backward
from albert_np.engine.cpu.linear import linear, linear_backward
from albert_np.engine.cpu.softmax import softmax, softmax_backward

__all__ = [
    "activation", "activation_backward", "adam_step", "attention", "attention_backward", "attention_probabilities",
    "cross_entropy", "cross_entropy_backward", "dropout", "dropout_backward", "embedding", "embedding_backward", "feed_forward",
    "feed_forward_backward", "layer_norm", "layer_norm_backward", "linear", "linear_backward", "residual", "residual_backward",
    "softmax", "softmax_backward",
]  # fmt: skip
