"""Attention of one new token to its past: what generating text needs (forward only: nothing is trained this way).

In translation's pattern a token never sees what comes behind it. So its keys and values stay what they are while the text grows:
they are kept, and a step computes one row,

    s_u = q · k_u / √D   for u = 0 ... t       a = softmax(s)       c = Σ_u a_u v_u

which equals row t of attention over the whole text (core/layers/attention.py), at 1/t of its work.
"""

import math
from typing import Any

import numpy as np

from albert_np.core.layers.attention import heads
from albert_np.core.layers.linear import linear
from albert_np.core.layers.softmax import softmax


def attend_past(x: Any, p: Any, keys: Any, values: Any, places: Any, A: int) -> Any:
    """One new token of each sequence.   x (B, H) -> y (B, H)

    keys, values   (B, A, T, D): those of the tokens before, and room; the new token's are written into them
    places         (B,) the number of the new token within its sequence: it sees the tokens 0 ... places
    """
    q, k, v = (linear(x, w)[0] for w in (p.query, p.key, p.value))  # (B, H) each
    everyone = np.cumsum(np.ones_like(places)) - 1  # (B,) 0, 1, 2, ... on the right device
    keys[everyone, :, places] = k.reshape(len(x), A, -1)
    values[everyone, :, places] = v.reshape(len(x), A, -1)
    T, D = keys.shape[2:]
    scores = (keys @ q.reshape(-1, A, D, 1))[..., 0] * (1 / math.sqrt(D))  # (B, A, T)
    slots = np.cumsum(np.ones_like(places, shape=T)) - 1  # (T,)
    seen = slots <= places[:, None]  # (B, T)
    probs, _ = softmax(np.where(seen[:, None], scores, -math.inf))
    context = probs[:, :, None] @ values  # (B, A, 1, D)
    y, _ = linear(context.reshape(q.shape), p.output)
    return y


def fill_past(x: Any, p: Any, keys: Any, values: Any, sequences: Any, A: int) -> None:
    """Write the keys and values of whole sequences, x (N, H), into the first places of keys and values (B, A, T, D)."""
    for store, weights in ((keys, p.key), (values, p.value)):
        projected, _ = linear(x, weights)  # (N, H)
        for i, rows in enumerate(sequences):
            store[i, :, : rows.stop - rows.start] = heads(projected[rows], A)
