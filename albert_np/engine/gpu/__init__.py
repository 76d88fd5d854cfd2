"""Kernels for CuPy arrays: the formulas of `core` as CUDA kernels (the .cu files) and products by cuBLAS.

Every kernel reads its inputs once and writes its outputs once, because memory access is the bottleneck on a GPU. Random bits are
computed where they are used. Sums have a fixed order, without atomic operations, so that equal inputs give equal outputs.
"""

from albert_np.core import backend, dispatch
from albert_np.core.dispatch import Array
from albert_np.engine import output_rows
from albert_np.engine.gpu import (
    activations,
    add_norm,
    attention,
    cross_entropy,
    dropout,
    embedding,
    feed_forward,
    fusion,
    gather,
    layer_norm,
    linear,
    optim,
    pooler,
    softmax,
)
from albert_np.engine.kernels import version

KERNELS = {
    "activation": version(activations, "activation", activations=activations.NAMES),
    "adamw_step": version(optim, "adamw_step"),
    "add_norm": version(add_norm, "add_norm", contains=("dropout", "layer_norm")),
    "attention": version(attention, "attention", "attention_probabilities", contains=("attend", "dropout", "softmax")),
    "cross_entropy": version(cross_entropy, "cross_entropy"),
    "dropout": version(dropout, "dropout"),
    "embedding": version(embedding, "embedding"),
    "feed_forward": version(feed_forward, "feed_forward", contains=("activation", "linear"), activations=activations.NAMES),
    "fuse": version(fusion, "fuse", contains=("linear",)),
    "gather": version(gather, "gather"),
    "lamb_step": version(optim, "lamb_step"),
    "layer": output_rows.VERSION,
    "layer_norm": version(layer_norm, "layer_norm"),
    "linear": version(linear, "linear"),
    "pooler": version(pooler, "pooler", contains=("gather", "linear")),
    "softmax": version(softmax, "softmax"),
}


def has_kernels(x: Array) -> bool:
    """Return whether x is an array of a backend that can run CUDA kernels."""
    return hasattr(x, "dtype") and hasattr(backend.of(x), "launch")


def register(array_type: type) -> None:
    """Register these kernels for arrays of this type, whose backend has `launch` and `product`."""
    dispatch.kernels[array_type] = KERNELS, lambda x: True
