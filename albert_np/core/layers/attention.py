"""Self-attention with several heads (Vaswani et al. 2017). Tokens meet only the tokens of their own sequence.

For one sequence and one head, q, k, v (T, D):

    s = q kᵀ / √D          (T, T)   how much query t asks of key u
    a = softmax(s)         (T, T)   a row a query, its weights over the keys
    c = a v                (T, D)   the values, averaged under these weights

Backward, from the last line to the first; each product C = A B gives dA = dC Bᵀ and dB = Aᵀ dC:

    dv = aᵀ dc      da = dc vᵀ      ds = softmax_backward(da)
    dq = ds k / √D      dk = dsᵀ q / √D

The bias of the keys adds q·b to a whole row of s, which the softmax does not see: its gradient is 0 (to rounding).
"""

import math
from typing import Any

import numpy as np

from albert_np.core.layers.dropout import dropout, dropout_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.layers.softmax import softmax, softmax_backward
from albert_np.core.random import Dropout
from albert_np.core.sequences import Sequences


def heads(x: Any, A: int) -> Any:
    """(T, H) -> (A, T, D): a view"""
    return x.reshape(len(x), A, -1).swapaxes(0, 1)


def attend(q: Any, k: Any, v: Any, visible: Any = None, rate: float = 0.0, rng: Dropout | None = None) -> tuple[Any, Any]:
    """One sequence.   q, k, v (A, T, D); visible (T, T) booleans or None for all -> context (A, T, D)"""
    scores = q @ k.swapaxes(1, 2) * (1 / math.sqrt(q.shape[-1]))  # (A, T, T)
    if visible is not None:
        scores = np.where(visible, scores, -math.inf)
    probs, _ = softmax(scores)  # (A, T, T)
    dropped, c_drop = drop_probs(probs, rate, rng)
    return dropped @ v, (q, k, v, probs, dropped, c_drop)


def attend_backward(dcontext: Any, cache: Any) -> tuple[Any, Any, Any]:
    """dcontext (A, T, D) -> dq, dk, dv (A, T, D)"""
    q, k, v, probs, dropped, c_drop = cache
    dv = dropped.swapaxes(1, 2) @ dcontext
    dprobs = drop_probs_backward(dcontext @ v.swapaxes(1, 2), c_drop)
    dscores = softmax_backward(dprobs, probs) * (1 / math.sqrt(q.shape[-1]))  # where nothing is visible probs are 0: so are these
    return dscores @ k, dscores.swapaxes(1, 2) @ q, dv


def drop_probs(probs: Any, rate: float, rng: Dropout | None) -> tuple[Any, Any]:
    """Dropout over (A, T, T). A query's elements are its heads and keys, so the mask depends on no other sequence."""
    A, T, _ = probs.shape
    rows, cache = dropout(probs.swapaxes(0, 1).reshape(T, A * T), rate, rng)
    return rows.reshape(T, A, T).swapaxes(0, 1), cache


def drop_probs_backward(ddropped: Any, cache: Any) -> Any:
    """(A, T, T) -> (A, T, T)"""
    A, T, _ = ddropped.shape
    rows = dropout_backward(ddropped.swapaxes(0, 1).reshape(T, A * T), cache)
    return rows.reshape(T, A, T).swapaxes(0, 1)


def attention(x: Any, p: Any, sequences: Sequences, A: int, rate: float = 0.0, rng: Dropout | None = None) -> tuple[Any, Any]:
    """x (N, H); p.query, p.key, p.value, p.output linear (H, H) -> y (N, H). rate: dropout of the attention weights."""
    q, k, v = (linear(x, w)[0] for w in (p.query, p.key, p.value))  # (N, H) each
    context, caches = np.empty_like(q), []
    for i, rows in enumerate(sequences):
        here = rng and rng.of(rng.rows[rows])
        c, cache = attend(heads(q[rows], A), heads(k[rows], A), heads(v[rows], A), sequences.visible(i, x), rate, here)
        heads(context[rows], A)[...] = c
        caches.append(cache)
    y, c_output = linear(context, p.output)
    return y, (x, caches, c_output)


def attention_backward(dy: Any, cache: Any, p: Any, g: Any, sequences: Sequences, A: int) -> Any:
    """dy (N, H) -> dx (N, H); adds into g.query, g.key, g.value and g.output"""
    x, caches, c_output = cache
    dcontext = linear_backward(dy, c_output, p.output, g.output)  # (N, H)
    dq, dk, dv = np.empty_like(dcontext), np.empty_like(dcontext), np.empty_like(dcontext)
    for rows, c in zip(sequences, caches):
        for d, part in zip((dq, dk, dv), attend_backward(heads(dcontext[rows], A), c)):
            heads(d[rows], A)[...] = part
    return (
        linear_backward(dq, x, p.query, g.query) + linear_backward(dk, x, p.key, g.key) + linear_backward(dv, x, p.value, g.value)
    )


def attention_probabilities(cache: Any) -> list[Any]:
    """The weights (A, T, T) of each sequence, for looking at."""
    return [probs for _, _, _, probs, _, _ in cache[1]]
