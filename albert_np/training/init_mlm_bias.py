"""Initialisation of the MLM bias with the log frequencies of the tokens.

A new model gives every token the probability 1/V, a loss of ln V, and spends its first hundreds of steps on learning the
tokens' frequencies, which can be counted. With their logarithm as the bias of the decoder it starts near the unigram entropy
(above it by about half the variance of its other, still random part of the logits), and the steps go into what depends on the
context.
"""

from typing import Any

import numpy as np

from albert_np.core import backend


def init_mlm_bias(params: Any, piece_counts: np.ndarray) -> None:
    """Set the MLM bias to ln p, p from these counts (V,) with add-one. A bias that is not all 0 is left unchanged.

    There may be fewer counts than rows, if the vocabulary is padded: rows without a piece have none.
    """
    bias = params.mlm.b
    if backend.to_host(bias).any():
        return
    counts = np.ones(len(bias))  # (V,)
    counts[: len(piece_counts)] += piece_counts
    bias[...] = backend.asarray_like(np.log(counts / counts.sum()).astype(bias.dtype), bias)
