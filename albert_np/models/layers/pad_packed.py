"""Scores of packed tokens as a table with a row for each sequence: then a softmax can run over the tokens of a sequence.

    y_kbt = x_nk, where token n is token t of sequence b          dx_nk = dy_kbt

Where a sequence has no token t the table holds the smallest number of its dtype, which a softmax makes 0; nothing returns from
there.
"""

from typing import Any

import numpy as np

from albert_np.core.backend import asarray_like
from albert_np.core.sequences import Sequences


def spread(x: Any, sequences: Sequences) -> tuple[Any, Any]:
    """x (N, K) -> y (K, B, T), T the length of the longest sequence"""
    B, T = len(sequences), int(sequences.lengths.max())
    token = np.arange(T)
    there = token < sequences.lengths[:, None]  # (B, T)
    rows = np.where(there, sequences.starts[:, None] + token, 0)
    y = np.take(x.T, asarray_like(rows.reshape(-1), x), axis=1).reshape(-1, B, T)  # (K, B, T)
    places = asarray_like(np.flatnonzero(there), x)  # (N,) the place of each token, as sequences lie end to end
    return np.where(asarray_like(there, x), y, float(np.finfo(x.dtype).min)), places


def spread_backward(dy: Any, places: Any) -> Any:
    """dy (K, B, T) -> dx (N, K)"""
    return np.take(dy.reshape(dy.shape[0], -1), places, axis=1).T
