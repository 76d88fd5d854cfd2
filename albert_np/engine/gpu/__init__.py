"""Twins for CuPy arrays: the same formulas as in `layers/`, as CUDA kernels (the .cu files) and products by cuBLAS.

Every kernel reads what it needs once and writes once: on a GPU arithmetic is cheap and memory is not. Random bits are made where
they are used. Sums are in a fixed order, without atomic operations, so that the same input gives the same output.
"""

from albert_np.engine.gpu.activations import activation, activation_backward
from albert_np.engine.gpu.adam import adam_step
from albert_np.engine.gpu.add_norm import residual, residual_backward
from albert_np.engine.gpu.attention import attention, attention_backward, attention_probabilities
from albert_np.engine.gpu.cross_entropy import cross_entropy, cross_entropy_backward
from albert_np.engine.gpu.dropout import dropout, dropout_backward
from albert_np.engine.gpu.embedding import embedding, embedding_backward
from albert_np.engine.gpu.feed_forward import feed_forward, feed_forward_backward
from albert_np.engine.gpu.fusion import fuse, fuse_backward
from albert_np.engine.gpu.gather import gather, gather_backward
from albert_np.engine.gpu.layer_norm import layer_norm, layer_norm_backward
from albert_np.engine.gpu.linear import linear, linear_backward
from albert_np.engine.gpu.pooler import pooler, pooler_backward
from albert_np.engine.gpu.softmax import softmax, softmax_backward

__all__ = [
    "activation", "activation_backward", "adam_step", "attention", "attention_backward", "attention_probabilities",
    "cross_entropy", "cross_entropy_backward", "dropout", "dropout_backward", "embedding", "embedding_backward",
    "feed_forward", "feed_forward_backward", "fuse", "fuse_backward", "gather", "gather_backward", "layer_norm",
    "layer_norm_backward", "linear", "linear_backward", "pooler", "pooler_backward", "residual", "residual_backward",
    "softmax", "softmax_backward",
]  # fmt: skip
