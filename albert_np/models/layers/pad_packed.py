"""Arrange the scores of packed tokens in a table with a row per sequence, for a softmax over the tokens of a sequence.

    y_kbt = x_nk, where token n is token t of sequence b          dx_nk = dy_kbt

Padding has the smallest number of the dtype, for which a softmax gives 0; it has no gradient.
"""

import numpy as np

from albert_np.core.backend import asarray_like
from albert_np.core.dispatch import Array, op
from albert_np.core.sequences import Sequences


@op
def pad_packed(x: Array, sequences: Sequences) -> tuple[Array, Array]:
    """x (N, K) -> y (K, B, T), T the length of the longest sequence"""
    B, T = len(sequences), int(sequences.lengths.max())
    token = np.arange(T)
    is_token = token < sequences.lengths[:, None]  # (B, T)
    rows = np.where(is_token, sequences.starts[:, None] + token, 0)
    y = np.take(x.T, asarray_like(rows.reshape(-1), x), axis=1).reshape(-1, B, T)  # (K, B, T)
    slots = asarray_like(np.flatnonzero(is_token), x)  # (N,) index of each token in the flattened table
    return np.where(asarray_like(is_token, x), y, float(np.finfo(x.dtype).min)), slots


@op
def pad_packed_backward(dy: Array, cache: Array) -> Array:
    """dy (K, B, T) -> dx (N, K)"""
    return np.take(dy.reshape(dy.shape[0], -1), cache, axis=1).T
