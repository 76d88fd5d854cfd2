"""Kernel of `layer` in core/model/encoder.py that computes the last layer only for the rows that the heads read.

A head reads the masked tokens, or [CLS]; most rows of the last layer are never used. Attention needs all rows as keys and values,
but everything after it works row by row, so the last block continues with `sequences.output_rows` alone. The other rows of its
output are 0, and so is their gradient.
"""

from collections import namedtuple

import numpy as np

from albert_np.core.config import Config
from albert_np.core.dispatch import Array, Cache, Version
from albert_np.core.layers import (
    add_norm,
    add_norm_backward,
    attention,
    attention_backward,
    feed_forward,
    feed_forward_backward,
    gather,
    gather_backward,
)
from albert_np.core.model import encoder
from albert_np.core.model.block import block_keys
from albert_np.core.params import Namespace
from albert_np.core.random import RandomKey
from albert_np.core.sequences import Sequences

LastBlockCache = namedtuple("LastBlockCache", "c_attention c_norm_a c_ffn c_norm_f rows c_gather")


def layer(
    x: Array, p: Namespace, sequences: Sequences, config: Config, dropout_key: RandomKey | None, l: int
) -> tuple[Array, list[Cache]]:
    """x (N, H) -> y (N, H), in the last layer 0 except in the output rows"""
    rows = getattr(sequences, "output_rows", None)
    if rows is None or l < config.num_hidden_layers - 1:
        return encoder.layer.__wrapped__(x, p, sequences, config, dropout_key, l)
    *before, last = p.blocks
    i = l * config.inner_group_num + len(before)
    x, caches = encoder.layer.__wrapped__(x, Namespace(blocks=before), sequences, config, dropout_key, l)
    y, cache = last_block(x, last, sequences, config, dropout_key, i, rows)
    return y, [*caches, cache]


def layer_backward(dy: Array, cache: list[Cache], p: Namespace, g: Namespace, sequences: Sequences, config: Config) -> Array:
    """dy (N, H) -> dx (N, H); adds to the blocks of the group"""
    if hasattr(cache[-1], "rows"):
        dy = last_block_backward(dy, cache[-1], p.blocks[-1], g.blocks[-1], sequences, config)
        cache, p, g = cache[:-1], Namespace(blocks=p.blocks[:-1]), Namespace(blocks=g.blocks[:-1])
    return encoder.layer_backward.__wrapped__(dy, cache, p, g, sequences, config)


def last_block(
    x: Array, p: Namespace, sequences: Sequences, config: Config, dropout_key: RandomKey | None, i: int, rows: Array
) -> tuple[Array, LastBlockCache]:
    """As `core.model.block.block` for the output rows: x (N, H), rows (R,) -> y (N, H)"""
    A, eps, rate = config.num_attention_heads, config.layer_norm_eps, config.hidden_dropout_prob
    key_p, key_a, _ = block_keys(dropout_key, i)
    a, c_attention = attention(x, p.attention, sequences, A, config.attention_probs_dropout_prob, key_p)  # (N, H)
    h, c_norm_a = add_norm(x, a, p.attention_norm, eps, rate, key_a)  # (N, H)

    h, c_gather = gather(h, rows)  # (R, H)
    _, _, key_f = block_keys(dropout_key and dropout_key.for_rows(np.take(dropout_key.rows, rows, axis=0)), i)
    f, c_ffn = feed_forward(h, p.ffn, config.hidden_act)  # (R, H)
    y, c_norm_f = add_norm(h, f, p.ffn_norm, eps, rate, key_f)  # (R, H)
    return scatter(y, c_gather), LastBlockCache(c_attention, c_norm_a, c_ffn, c_norm_f, rows, c_gather)


def last_block_backward(
    dy: Array, cache: LastBlockCache, p: Namespace, g: Namespace, sequences: Sequences, config: Config
) -> Array:
    """dy (N, H) -> dx (N, H)"""
    dy, _ = gather(dy, cache.rows)  # (R, H)
    dh, df = add_norm_backward(dy, cache.c_norm_f, p.ffn_norm, g.ffn_norm)
    dh = dh + feed_forward_backward(df, cache.c_ffn, p.ffn, g.ffn, config.hidden_act)
    dh = gather_backward(dh, cache.c_gather)  # (N, H)
    dx, da = add_norm_backward(dh, cache.c_norm_a, p.attention_norm, g.attention_norm)
    return dx + attention_backward(da, cache.c_attention, p.attention, g.attention, sequences, config.num_attention_heads)


def scatter(y: Array, c_gather: Cache) -> Array:
    """y (R, H) -> (N, H): the inverse of `gather`, 0 in all other rows. The gradient of `gather` is the same operation."""
    return gather_backward(y, c_gather)


VERSION = Version({"layer": layer, "layer_backward": layer_backward}, contains=("block",))
