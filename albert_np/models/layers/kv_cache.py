"""Attention of one new token to the tokens before it, for text generation (forward pass only).

With translation's mask a target token does not attend to later tokens. So its keys and values do not change while the text grows:
they are cached, and a step computes one row,

    s_u = q · k_u / √D   for u = 0 ... t       a = softmax(s)       c = Σ_u a_u v_u

which equals row t of attention over the whole text (core/layers/attention.py), with 1/t of its operations.
"""

import math

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.layers.attention import split_heads
from albert_np.core.layers.linear import linear
from albert_np.core.layers.softmax import softmax
from albert_np.core.params import Namespace
from albert_np.core.sequences import Sequences


def attend_cached(x: Array, p: Namespace, keys: Array, values: Array, positions: Array, A: int) -> Array:
    """One new token of each sequence.   x (B, H) -> y (B, H)

    keys, values   (B, A, T, D): those of the previous tokens, and room; the new token's are written into them
    positions      (B,) index of the new token in its sequence: it attends to the tokens 0 ... positions
    """
    q, k, v = (linear(x, w)[0] for w in (p.query, p.key, p.value))  # (B, H) each
    rows = np.cumsum(np.ones_like(positions)) - 1  # (B,) 0, 1, 2, ... on the right device
    keys[rows, :, positions] = k.reshape(len(x), A, -1)
    values[rows, :, positions] = v.reshape(len(x), A, -1)
    T, D = keys.shape[2:]
    scores = (keys @ q.reshape(-1, A, D, 1))[..., 0] * (1 / math.sqrt(D))  # (B, A, T)
    keys_at = np.cumsum(np.ones_like(positions, shape=T)) - 1  # (T,)
    visible = keys_at <= positions[:, None]  # (B, T)
    probs, _ = softmax(np.where(visible[:, None], scores, -math.inf))
    context = probs[:, :, None] @ values  # (B, A, 1, D)
    y, _ = linear(context.reshape(q.shape), p.output)
    return y


def fill_cache(x: Array, p: Namespace, keys: Array, values: Array, sequences: Sequences, A: int) -> None:
    """Write the keys and values of whole sequences, x (N, H), into the first positions of keys and values (B, A, T, D)."""
    for target, weights in ((keys, p.key), (values, p.value)):
        projected, _ = linear(x, weights)  # (N, H)
        for i, rows in enumerate(sequences):
            target[i, :, : rows.stop - rows.start] = split_heads(projected[rows], A)
