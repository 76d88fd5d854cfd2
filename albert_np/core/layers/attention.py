"""Self-attention with several heads (Vaswani et al. 2017). Tokens attend only to tokens of their own sequence.

For one sequence and one head, q, k, v (T, D):

    s = q kᵀ / √D          (T, T)   scores: how well each key (column) matches each query (row)
    a = drop(softmax(s))   (T, T)   probs, then dropped: the weights of each query over the keys
    c = a v                (T, D)   context: the average of the values under these weights

Backward, from the last line to the first; each product Z = X Y gives dX = dZ Yᵀ and dY = Xᵀ dZ:

    dv = aᵀ dc      da = dc vᵀ      ds = softmax_backward(drop_backward(da))
    dq = ds k / √D      dk = dsᵀ q / √D

The bias b of the keys adds q·b / √D to a whole row of s, which the softmax ignores: its gradient is 0 (to rounding).
"""

import math
from collections import namedtuple

import numpy as np

from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.layers.dropout import dropout, dropout_backward
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.core.layers.softmax import softmax, softmax_backward
from albert_np.core.params import Namespace
from albert_np.core.random import Key
from albert_np.core.sequences import Sequences

AttendCache = namedtuple("AttendCache", "q k v probs dropped c_softmax c_dropout")
AttentionCache = namedtuple("AttentionCache", "c_query c_key c_value c_attend c_output")  # c_attend: a list, of each sequence


def split_heads(x: Array, A: int) -> Array:
    return x.reshape(len(x), A, -1).swapaxes(0, 1)  # (T, H) -> (A, T, D): a view


def merge_heads(x: Array) -> Array:
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)  # (A, T, D) -> (T, H)


@op
def attend(q: Array, k: Array, v: Array, visible: Array = None, rate: float = 0, dropout_key: Key = None) -> tuple[Array, Cache]:
    """One sequence.   q, k, v (A, T, D); visible (T, T) booleans, None: everything is -> context (A, T, D)"""
    A, T, D = q.shape
    scores = q @ k.swapaxes(1, 2) * (1 / math.sqrt(D))  # (A, T, T)
    if visible is not None:
        scores = np.where(visible, scores, -math.inf)
    probs, c_softmax = softmax(scores)  # (A, T, T)
    # one row per query, of its A T weights: its mask depends on its own sequence alone
    dropped, c_dropout = dropout(probs.swapaxes(0, 1).reshape(T, A * T), rate, dropout_key)
    dropped = dropped.reshape(T, A, T).swapaxes(0, 1)  # (A, T, T)
    return dropped @ v, AttendCache(q, k, v, probs, dropped, c_softmax, c_dropout)


@op
def attend_backward(dcontext: Array, cache: AttendCache) -> tuple[Array, Array, Array]:
    """dcontext (A, T, D) -> dq, dk, dv (A, T, D)"""
    q, k, v, _, dropped, c_softmax, c_dropout = cache
    A, T, D = q.shape
    ddropped, dv = dcontext @ v.swapaxes(1, 2), dropped.swapaxes(1, 2) @ dcontext
    dprobs = dropout_backward(ddropped.swapaxes(0, 1).reshape(T, A * T), c_dropout)
    dprobs = dprobs.reshape(T, A, T).swapaxes(0, 1)  # (A, T, T)
    dscores = softmax_backward(dprobs, c_softmax)  # (A, T, T); 0 wherever a key is not visible, as probs is 0 there
    dproduct = dscores * (1 / math.sqrt(D))  # of q kᵀ
    return dproduct @ k, dproduct.swapaxes(1, 2) @ q, dv


@op
def attention(
    x: Array, p: Namespace, sequences: Sequences, A: int, rate: float = 0.0, dropout_key: Key = None
) -> tuple[Array, AttentionCache]:
    """x (N, H); p.query, p.key, p.value, p.output linear (H, H) -> y (N, H). rate: dropout of the attention weights."""
    q, c_query = linear(x, p.query)  # (N, H)
    k, c_key = linear(x, p.key)  # (N, H)
    v, c_value = linear(x, p.value)  # (N, H)
    contexts, c_attend = [], []
    for i, rows in enumerate(sequences):
        key = dropout_key and dropout_key.for_rows(dropout_key.rows[rows])
        heads = (split_heads(z[rows], A) for z in (q, k, v))  # (A, T, D) each
        context, cache = attend(*heads, sequences.visible(i), rate, key)
        contexts.append(merge_heads(context))  # (T, H)
        c_attend.append(cache)
    y, c_output = linear(np.concatenate(contexts), p.output)  # (N, H)
    return y, AttentionCache(c_query, c_key, c_value, c_attend, c_output)


@op
def attention_backward(dy: Array, cache: AttentionCache, p: Namespace, g: Namespace, sequences: Sequences, A: int) -> Array:
    """dy (N, H) -> dx (N, H); adds to g.query, g.key, g.value and g.output"""
    dcontext = linear_backward(dy, cache.c_output, p.output, g.output)  # (N, H)
    dheads = [attend_backward(split_heads(dcontext[rows], A), c) for rows, c in zip(sequences, cache.c_attend)]
    dq, dk, dv = (np.concatenate([merge_heads(d) for d in each]) for each in zip(*dheads))  # (N, H) each
    return (
        linear_backward(dq, cache.c_query, p.query, g.query)
        + linear_backward(dk, cache.c_key, p.key, g.key)
        + linear_backward(dv, cache.c_value, p.value, g.value)
    )
