"""The heads of fine-tuned models. A head is one record: its forward and backward pass, its loss, and the rows that it reads.

Each is one linear map, `p.task`, `p.relation` or `p.choice`, of the body's representation h (N, H), and returns one table of
logits per kind of label (question answering has two).

    SEQUENCE  pooler, dropout, linear onto C classes
    TOKEN     dropout, linear onto C classes, for every token
    SPAN      linear onto two scores per token, of being an answer's first and last token, without dropout; in their softmax the
              tokens of a sequence are the classes
    RELATION  the first rows of two entities, side by side, dropout, linear 2H -> C ("entity start", Baldini Soares et al. 2019)
    CHOICE    pooler, dropout, linear onto one score per sequence; in their softmax the sequences of a group, the choices of a
              question, are the classes (Google's head for RACE)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array, Cache, op
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
from albert_np.core.params import Namespace, Tree
from albert_np.core.random import RandomKey
from albert_np.core.sequences import Sequences
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.layers import pad_packed, pad_packed_backward, segment_table, segment_table_backward

Arrays = dict[str, Any]  # the host arrays passed to TaskBatch.pack


@dataclass(frozen=True)
class Head:
    """A head of a task.

    forward       (h, batch, p, config, dropout_key) -> tables of logits, cache
    backward      (dtables, cache, p, g) -> dh (N, H)
    labels_of     the rows of the tables: "sequence", "token" or "group"
    output_rows   host arrays of a batch -> the sorted rows of h that the head reads, each once; None: all
    capturable    whether the host needs no more of a batch than sizes (see engine/step_graphs.py)
    """

    forward: Callable[..., tuple[list[Array], Cache]]
    backward: Callable[..., Array]
    labels_of: str = "sequence"
    output_rows: Callable[[Arrays], np.ndarray | None] = lambda arrays: None
    capturable: bool = True


def cls_rows(arrays: Arrays) -> np.ndarray:
    """Return the first row of each sequence, [CLS]."""
    lengths = np.asarray(arrays["lengths"])
    return np.cumsum(lengths) - lengths


def cls_and_masked_rows(arrays: Arrays) -> np.ndarray:
    """Return the rows that the heads of pretraining read."""
    masked = arrays.get("masked_rows")
    return cls_rows(arrays) if masked is None else np.unique(np.concatenate([cls_rows(arrays), masked]))


def entity_rows(arrays: Arrays) -> np.ndarray:
    """Return the rows of the entities' first tokens."""
    return np.unique(arrays["entity_rows"])


# ---- one vector per sequence ----


@op
def sequence_head(
    h: Array, sequences: Sequences, p: Tree, config: AlbertConfig, dropout_key: RandomKey | None
) -> tuple[Array, tuple[Cache, Cache, Cache]]:
    """h (N, H); p: the whole tree -> logits (B, C). The dropout mask of a sequence is that of its first token."""
    pooled, c_pooler = pooler(h, p.pooler, sequences)  # (B, H)
    key = dropout_key and dropout_key.for_rows(np.take(dropout_key.rows, sequences.first_rows, axis=0))
    x, c_dropout = dropout(pooled, config.classifier_dropout_prob, key and key.fold_in("classifier"))  # (B, H)
    logits, c_linear = linear(x, p.task)  # (B, C)
    return logits, (c_pooler, c_dropout, c_linear)


@op
def sequence_head_backward(dlogits: Array, cache: tuple[Cache, Cache, Cache], p: Tree, g: Tree) -> Array:
    """dlogits (B, C) -> dh (N, H)"""
    c_pooler, c_dropout, c_linear = cache
    dx = linear_backward(dlogits, c_linear, p.task, g.task)  # (B, H)
    dpooled = dropout_backward(dx, c_dropout)  # (B, H)
    return pooler_backward(dpooled, c_pooler, p.pooler, g.pooler)  # (N, H)


# ---- every token ----


@op
def token_head(h: Array, p: Namespace, config: AlbertConfig, dropout_key: RandomKey | None) -> tuple[Array, tuple[Cache, Cache]]:
    """h (N, H); p: the tree's `task` -> logits (N, C)"""
    x, c_dropout = dropout(h, config.classifier_dropout_prob, dropout_key and dropout_key.fold_in("classifier"))  # (N, H)
    logits, c_linear = linear(x, p)  # (N, C)
    return logits, (c_dropout, c_linear)


@op
def token_head_backward(dlogits: Array, cache: tuple[Cache, Cache], p: Namespace, g: Namespace) -> Array:
    """dlogits (N, C) -> dh (N, H)"""
    c_dropout, c_linear = cache
    dx = linear_backward(dlogits, c_linear, p, g)  # (N, H)
    return dropout_backward(dx, c_dropout)


# ---- the first and the last token of an answer ----


@op
def span_head(h: Array, sequences: Sequences, p: Namespace) -> tuple[Array, tuple[Cache, Cache]]:
    """h (N, H); p: the tree's `task`, with C = 2 -> scores (2, B, T) of being an answer's first, and its last, token

    The bias adds a constant to all scores of a sequence, which a softmax over its tokens ignores: its gradient is 0.
    """
    scores, c_linear = linear(h, p)  # (N, 2)
    tables, c_padded = pad_packed(scores, sequences)  # (2, B, T)
    return tables, (c_linear, c_padded)


@op
def span_head_backward(dscores: Array, cache: tuple[Cache, Cache], p: Namespace, g: Namespace) -> Array:
    """dscores (2, B, T) -> dh (N, H)"""
    c_linear, c_padded = cache
    return linear_backward(pad_packed_backward(dscores, c_padded), c_linear, p, g)


# ---- two entities ----


@op
def relation_head(
    h: Array, rows: Array, p: Namespace, config: AlbertConfig, dropout_key: RandomKey | None
) -> tuple[Array, tuple[Cache, Cache, Cache]]:
    """h (N, H), rows (B, 2) where the entities of a sequence begin; p: the tree's `relation` (2H, C) -> logits (B, C)

    The dropout mask of a sequence is that of its first entity's row.
    """
    entities, c_gather = gather(h, rows.reshape(-1))  # (2B, H)
    both = entities.reshape(len(rows), -1)  # (B, 2H)
    key = dropout_key and dropout_key.for_rows(np.take(dropout_key.rows, rows[:, 0], axis=0))
    x, c_dropout = dropout(both, config.classifier_dropout_prob, key and key.fold_in("classifier"))  # (B, 2H)
    logits, c_linear = linear(x, p)  # (B, C)
    return logits, (c_gather, c_dropout, c_linear)


@op
def relation_head_backward(dlogits: Array, cache: tuple[Cache, Cache, Cache], p: Namespace, g: Namespace) -> Array:
    """dlogits (B, C) -> dh (N, H)"""
    c_gather, c_dropout, c_linear = cache
    dboth = dropout_backward(linear_backward(dlogits, c_linear, p, g), c_dropout)  # (B, 2H)
    return gather_backward(dboth.reshape(2 * len(dboth), -1), c_gather)


# ---- the choices of a question ----


@op
def choice_head(
    h: Array, sequences: Sequences, rows: Array, p: Tree, config: AlbertConfig, dropout_key: RandomKey | None
) -> tuple[Array, tuple[Cache, Cache]]:
    """h (N, H), rows (Q, K) the sequences of each group; p: the whole tree -> logits (Q, K), see `segment_table`

    The bias adds a constant to all scores, which a softmax over a group ignores: its gradient is 0.
    """
    scores, c_scores = sequence_head(h, sequences, Namespace(pooler=p.pooler, task=p.choice), config, dropout_key)  # (B, 1)
    logits, c_table = segment_table(scores[:, 0], rows)  # (Q, K)
    return logits, (c_scores, c_table)


@op
def choice_head_backward(dlogits: Array, cache: tuple[Cache, Cache], p: Tree, g: Tree) -> Array:
    """dlogits (Q, K) -> dh (N, H)"""
    c_scores, c_table = cache
    dscores = segment_table_backward(dlogits, c_table)[:, None]  # (B, 1)
    return sequence_head_backward(
        dscores, c_scores, Namespace(pooler=p.pooler, task=p.choice), Namespace(pooler=g.pooler, task=g.choice)
    )


# ---- the records ----


def _sequences(h: Array, batch: TaskBatch, p: Tree, config: AlbertConfig, key: RandomKey | None) -> tuple[list[Array], Cache]:
    logits, cache = sequence_head(h, batch.sequences, p, config, key)
    return [logits], cache


def _tokens(h: Array, batch: TaskBatch, p: Tree, config: AlbertConfig, key: RandomKey | None) -> tuple[list[Array], Cache]:
    logits, cache = token_head(h, p.task, config, key)
    return [logits], cache


def _spans(h: Array, batch: TaskBatch, p: Tree, config: AlbertConfig, key: RandomKey | None) -> tuple[list[Array], Cache]:
    scores, cache = span_head(h, batch.sequences, p.task)
    return [scores[0], scores[1]], cache


def _relations(h: Array, batch: TaskBatch, p: Tree, config: AlbertConfig, key: RandomKey | None) -> tuple[list[Array], Cache]:
    logits, cache = relation_head(h, batch.entity_rows, p.relation, config, key)
    return [logits], cache


def _choices(h: Array, batch: TaskBatch, p: Tree, config: AlbertConfig, key: RandomKey | None) -> tuple[list[Array], Cache]:
    logits, cache = choice_head(h, batch.sequences, batch.group_rows, p, config, key)
    return [logits], cache


SEQUENCE = Head(_sequences, lambda d, cache, p, g: sequence_head_backward(d[0], cache, p, g), output_rows=cls_rows)
TOKEN = Head(_tokens, lambda d, cache, p, g: token_head_backward(d[0], cache, p.task, g.task), labels_of="token")
# the width of the tables of scores is the longest sequence's length, which the host must know: not capturable
SPAN = Head(_spans, lambda d, cache, p, g: span_head_backward(np.stack(d), cache, p.task, g.task), capturable=False)
RELATION = Head(
    _relations, lambda d, cache, p, g: relation_head_backward(d[0], cache, p.relation, g.relation), output_rows=entity_rows
)
CHOICE = Head(_choices, lambda d, cache, p, g: choice_head_backward(d[0], cache, p, g), labels_of="group", output_rows=cls_rows)
