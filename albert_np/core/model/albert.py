"""ALBERT, whole, forward and backward: ids -> embeddings -> encoder -> fusion -> heads -> losses."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from albert_np.core.batch import Batch, Items
from albert_np.core.config import Config
from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.layers import cross_entropy, cross_entropy_backward, fuse_levels, fuse_levels_backward
from albert_np.core.model.embeddings import embeddings, embeddings_backward
from albert_np.core.model.encoder import encoder, encoder_backward
from albert_np.core.model.heads import mlm_head, mlm_head_backward, order_head, order_head_backward
from albert_np.core.params import Tree
from albert_np.core.random import Key

EncodeCache = namedtuple("EncodeCache", "c_embeddings c_encoder c_fusion")
PretrainingCache = namedtuple("PretrainingCache", "h c_encode c_mlm c_sop")


@op
def encode(batch: Batch, p: Tree, config: Config, dropout_key: Key = None) -> tuple[tuple[Array, list[Array]], EncodeCache]:
    """The body -> the representation h (N, H) that the heads read, and the hidden states, L + 1 of (N, H)"""
    key = dropout_key and dropout_key.for_rows(batch.random_rows)
    x, c_embeddings = embeddings(batch, p.embeddings, config, key)  # (N, H)
    hidden, c_encoder = encoder(x, p.groups, batch.sequences, config, key)  # L + 1 of (N, H)
    h, c_fusion = fuse_levels(hidden, p.fusion, config.fusion_layers)  # (N, H)
    return (h, hidden), EncodeCache(c_embeddings, c_encoder, c_fusion)


@op
def encode_backward(
    dh: Array, cache: EncodeCache, p: Tree, g: Tree, config: Config, batch: Batch, dhidden: list[Array] | None = None
) -> None:
    """dh (N, H), dhidden: gradients (N, H) of the L + 1 hidden states, if a loss reads them; adds to the tensors of the body"""
    L = config.num_hidden_layers
    dlevels = fuse_levels_backward(dh, cache.c_fusion, p.fusion, g.fusion, config.fusion_layers, L)
    if dhidden is not None:
        dlevels = [more if d is None else d + more for d, more in zip(dlevels, dhidden)]
    dx = encoder_backward(dlevels, cache.c_encoder, p.groups, g.groups, batch.sequences, config)  # (N, H)
    embeddings_backward(dx, cache.c_embeddings, p.embeddings, g.embeddings)


@dataclass(frozen=True)
class Results:
    """Losses are sums over items divided by the denominators; `correct` counts items whose most likely class is the label."""

    loss: Array  # () = mlm_loss + sop_loss
    mlm_loss: Array  # ()
    sop_loss: Array  # ()
    mlm_correct: Array  # () of `masked`
    sop_correct: Array  # () of `sequences`
    masked: int  # M, 0 without MLM labels
    sequences: int  # B, 0 without sentence-order labels


@op
def pretraining(
    batch: Batch, p: Tree, config: Config, denominators: dict[str, float] | None = None, dropout_key: Key = None
) -> tuple[Results, PretrainingCache]:
    """The joint loss, masked language model + sentence order, each over the items that the batch has labels for."""
    denominators = denominators or batch.denominators()  # {"mlm": M, "sop": B}
    (h, _), c_encode = encode(batch, p, config, dropout_key)  # (N, H)
    mlm_loss = sop_loss = mlm_correct = sop_correct = np.zeros_like(h, shape=())
    c_mlm = c_sop = None
    if batch.masked:
        logits, c_head = mlm_head(h, batch.masked.rows, p, config)  # (M, V)
        mlm_loss, mlm_correct, c_loss = classification_loss(logits, batch.masked, denominators["mlm"])
        c_mlm = c_head, c_loss
    if batch.order:
        logits, c_head = order_head(h, batch.sequences, p)  # (B, 2)
        sop_loss, sop_correct, c_loss = classification_loss(logits, batch.order, denominators["sop"])
        c_sop = c_head, c_loss
    M, B = len(batch.masked or ()), len(batch.order or ())
    results = Results(mlm_loss + sop_loss, mlm_loss, sop_loss, mlm_correct, sop_correct, M, B)
    return results, PretrainingCache(h, c_encode, c_mlm, c_sop)


@op
def pretraining_backward(dloss: float, cache: PretrainingCache, p: Tree, g: Tree, config: Config, batch: Batch) -> None:
    """dloss (): 1 for the gradient of the loss itself, which is added to g"""
    dh = np.zeros_like(cache.h)  # (N, H)
    if cache.c_mlm:
        c_head, c_loss = cache.c_mlm
        dlogits = cross_entropy_backward(dloss, c_loss)  # (M, V)
        dh += mlm_head_backward(dlogits, c_head, p, g, config)
    if cache.c_sop:
        c_head, c_loss = cache.c_sop
        dlogits = cross_entropy_backward(dloss, c_loss)  # (B, 2)
        dh += order_head_backward(dlogits, c_head, p, g)
    encode_backward(dh, cache.c_encode, p, g, config, batch)


def classification_loss(logits: Array, items: Items, denominator: float) -> tuple[Array, Array, Cache]:
    """logits (M, C) of M items -> loss (), number of items whose most likely class is the label (), the loss's cache"""
    right = logits.argmax(-1) == items.labels  # (M,)
    weights = np.ones_like(logits[:, 0]) if items.weights is None else items.weights  # (M,)
    loss, c_loss = cross_entropy(logits, items.labels, weights, denominator)
    return loss, (right & (weights > 0)).sum(), c_loss
