"""Where the masked-language-model head starts: at the frequencies of the pieces.

A fresh model gives every piece the probability 1/V, a loss of ln V, and spends its first hundreds of steps on learning what a
count tells: how often each piece occurs. With the logarithm of that as the decoder's bias it starts near the unigram entropy
(above it by about half the variance of its other, still random part of the logits), and the steps go into what depends on the
context.
"""

from typing import Any

import numpy as np

from albert_np.core import backend


def start_at_unigram(params: Any, piece_counts: np.ndarray) -> None:
    """Set the MLM bias to ln p, p from these counts (V,) with add-one. A bias that is not fresh (all 0) is left as it is."""
    bias = params.mlm.b
    if backend.to_host(bias).any():
        return
    counts = piece_counts + 1.0  # (V,)
    bias[...] = backend.asarray_like(np.log(counts / counts.sum()).astype(bias.dtype), bias)
