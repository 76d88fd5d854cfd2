"""Kernels for NumPy arrays: the formulas of `core`, in place and in blocks of rows that fit the processor's cache.

They run on the calling thread. A step is divided among threads one level up, by whole sequences (engine/shards.py), so that the
threads wait for each other only once, at the end.
"""

import numpy as np

from albert_np.core import dispatch
from albert_np.engine import output_rows
from albert_np.engine.cpu import (
    activations,
    add_norm,
    attention,
    cross_entropy,
    dropout,
    embedding,
    encoder,
    feed_forward,
    fusion,
    layer_norm,
    linear,
    optim,
    pooler,
    softmax,
)
from albert_np.engine.kernels import version

KERNELS = {
    "activation": version(activations, "activation", activations=activations.ACTIVATIONS),
    "adamw_step": version(optim, "adamw_step"),
    "add_norm": version(add_norm, "add_norm", contains=("dropout", "layer_norm")),
    "attention": version(attention, "attention", "attention_probabilities", contains=("attend", "dropout", "softmax")),
    "cross_entropy": version(cross_entropy, "cross_entropy"),
    "dropout": version(dropout, "dropout"),
    "embedding": version(embedding, "embedding"),
    "encoder": version(encoder, "encoder"),
    "feed_forward": version(feed_forward, "feed_forward", contains=("activation",), activations=activations.ACTIVATIONS),
    "fuse": version(fusion, "fuse", contains=("linear",)),
    "lamb_step": version(optim, "lamb_step"),
    "layer": output_rows.VERSION,
    "layer_norm": version(layer_norm, "layer_norm"),
    "linear": version(linear, "linear"),
    "pooler": version(pooler, "pooler", contains=("gather", "linear")),
    "softmax": version(softmax, "softmax"),
}


def register() -> None:
    """Register these kernels for NumPy arrays of float32 and float64. They would not speed up float16, which has no BLAS."""
    dispatch.kernels[np.ndarray] = KERNELS, lambda x: x.dtype.itemsize >= 4
