"""The heads of fine-tuned models: one linear map, `p.task`, of what the body made.

Of a whole sequence: pooler, dropout, linear onto C classes. Of every token: dropout, linear onto C classes. Of an answer's first
and last token: linear onto two scores a token, without dropout; in them the tokens of a sequence are the classes. Of two
entities: the rows at which they begin, side by side, dropout, linear 2 H -> C (Baldini Soares et al. 2019, "entity start").
"""

from typing import Any

import numpy as np

from albert_np.core.layers import (
    dropout,
    dropout_backward,
    gather,
    gather_backward,
    linear,
    linear_backward,
    pooler,
    pooler_backward,
)
from albert_np.core.random import Dropout
from albert_np.core.sequences import Sequences
from albert_np.models.config import AlbertConfig
from albert_np.models.layers import spread, spread_backward


def sequence_head(h: Any, sequences: Sequences, p: Any, config: AlbertConfig, rng: Dropout | None) -> tuple[Any, Any]:
    """h (N, H); p: the whole tree -> logits (B, C). A sequence's dropout is that of its first token."""
    pooled, c_pooler = pooler(h, p.pooler, sequences)  # (B, H)
    first = rng and rng.of(np.take(rng.rows, sequences.first_rows(h), axis=0))
    x, c_drop = dropout(pooled, config.classifier_dropout_prob, first and first.at("classifier"))
    logits, c_linear = linear(x, p.task)  # (B, C)
    return logits, (c_pooler, c_drop, c_linear)


def sequence_head_backward(dlogits: Any, cache: Any, p: Any, g: Any) -> Any:
    """dlogits (B, C) -> dh (N, H)"""
    c_pooler, c_drop, c_linear = cache
    dpooled = dropout_backward(linear_backward(dlogits, c_linear, p.task, g.task), c_drop)  # (B, H)
    return pooler_backward(dpooled, c_pooler, p.pooler, g.pooler)


def token_head(h: Any, p: Any, config: AlbertConfig, rng: Dropout | None) -> tuple[Any, Any]:
    """h (N, H); p: the tree's `task` -> logits (N, C)"""
    x, c_drop = dropout(h, config.classifier_dropout_prob, rng and rng.at("classifier"))
    logits, c_linear = linear(x, p)
    return logits, (c_drop, c_linear)


def token_head_backward(dlogits: Any, cache: Any, p: Any, g: Any) -> Any:
    """dlogits (N, C) -> dh (N, H)"""
    c_drop, c_linear = cache
    return dropout_backward(linear_backward(dlogits, c_linear, p, g), c_drop)


def span_head(h: Any, sequences: Sequences, p: Any) -> tuple[Any, Any]:
    """h (N, H); p: the tree's `task`, with C = 2 -> scores (2, B, T) of being an answer's first, and its last, token

    The bias adds a constant to all scores of a sequence, which a softmax over its tokens does not see: its gradient is 0 (to
    rounding).
    """
    scores, c_linear = linear(h, p)  # (N, 2)
    tables, c_spread = spread(scores, sequences)
    return tables, (c_linear, c_spread)


def span_head_backward(dscores: Any, cache: Any, p: Any, g: Any) -> Any:
    """dscores (2, B, T) -> dh (N, H)"""
    c_linear, c_spread = cache
    return linear_backward(spread_backward(dscores, c_spread), c_linear, p, g)


def relation_head(h: Any, rows: Any, p: Any, config: AlbertConfig, rng: Dropout | None) -> tuple[Any, Any]:
    """h (N, H), rows (B, 2) where the entities of a sequence begin; p: the tree's `relation` (2 H, C) -> logits (B, C)

    A sequence's dropout is that of its first entity's row.
    """
    picked, c_gather = gather(h, rows.reshape(-1))  # (2 B, H)
    both = picked.reshape(len(rows), -1)  # (B, 2 H)
    first = rng and rng.of(np.take(rng.rows, rows[:, 0], axis=0))
    x, c_drop = dropout(both, config.classifier_dropout_prob, first and first.at("classifier"))
    logits, c_linear = linear(x, p)
    return logits, (c_gather, c_drop, c_linear)


def relation_head_backward(dlogits: Any, cache: Any, p: Any, g: Any) -> Any:
    """dlogits (B, C) -> dh (N, H)"""
    c_gather, c_drop, c_linear = cache
    dboth = dropout_backward(linear_backward(dlogits, c_linear, p, g), c_drop)  # (B, 2 H)
    return gather_backward(dboth.reshape(2 * len(dboth), -1), c_gather)
