"""Arrange the scores of packed sequences in a table with a row per group, for a softmax over the sequences of a group.

    y_qk = x_i, where sequence i is member k of group q          dx_i = dy_qk

A softmax over a row of the table is the softmax over one group alone (a "segment softmax"): exp y_qk / Σ_j exp y_qj. A group of
fewer sequences than the table has columns has the smallest number of the dtype in the others, for which a softmax gives 0; it has
no gradient. The sequences themselves stay packed: the table holds one number for each of them.
"""

import numpy as np

from albert_np.core.backend import scatter_add
from albert_np.core.dispatch import Array, op


@op
def segment_table(x: Array, rows: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """x (B,), rows (Q, K) integers, below 0 for no sequence -> y (Q, K)"""
    present = rows >= 0  # (Q, K)
    members = np.maximum(rows, 0)  # (Q, K)
    y = np.take(x, members.reshape(-1)).reshape(rows.shape)  # (Q, K)
    return np.where(present, y, float(np.finfo(x.dtype).min)), (present, members, x)


@op
def segment_table_backward(dy: Array, cache: tuple[Array, Array, Array]) -> Array:
    """dy (Q, K) -> dx (B,)"""
    present, members, x = cache
    dx = np.zeros_like(x)  # (B,)
    scatter_add(dx, members.reshape(-1), np.where(present, dy, 0).reshape(-1))
    return dx
