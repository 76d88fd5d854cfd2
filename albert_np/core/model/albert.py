"""ALBERT, whole: the forward pass and the backward pass, a screen each.

ids -> embeddings -> encoder -> fusion -> heads -> losses
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.dispatch import twins_of
from albert_np.core.layers import cross_entropy, cross_entropy_backward
from albert_np.core.model.embeddings import embeddings, embeddings_backward
from albert_np.core.model.encoder import encoder, encoder_backward
from albert_np.core.model.fusion import fuse_levels, fuse_levels_backward
from albert_np.core.model.heads import mlm_head, mlm_head_backward, order_head, order_head_backward
from albert_np.core.params import Tree
from albert_np.core.random import Dropout


@dataclass(frozen=True)
class Results:
    """What a pretraining pass found. Losses are sums over items divided by the denominators; correct counts items."""

    loss: Any  # () = mlm_loss + sop_loss
    mlm_loss: Any  # ()
    sop_loss: Any  # ()
    mlm_correct: Any  # () of `masked`
    sop_correct: Any  # () of `sequences`
    masked: int  # M, 0 without MLM labels
    sequences: int  # B, 0 without sentence-order labels


# ---- the body: ids -> one representation of every token ----


def encode(batch: Batch, p: Tree, config: Config, rng: Dropout | None = None, read: Any = None) -> tuple[Any, list[Any], Any]:
    """-> the representation (N, H) that heads read, the hidden states (L + 1 of (N, H)), the cache

    read: (R,) sorted rows, each once, that the heads read: the last layer is computed for no others. None: for all.
    """
    rng = rng and rng.of(batch.dropout_rows)
    x, c_embeddings = embeddings(batch, p.embeddings, config, rng)
    hidden, c_encoder = encoder(x, p.groups, batch.sequences, config, rng, read)
    h, c_fusion = fuse_levels(hidden, p.fusion, config.fusion_layers)
    return h, hidden, (c_embeddings, c_encoder, c_fusion)


def encode_backward(dh: Any, cache: Any, p: Tree, g: Tree, config: Config, batch: Batch, more: list[Any] | None = None) -> None:
    """dh (N, H); adds into every tensor of the body. more: gradients (N, H) that come into the L + 1 hidden states besides"""
    c_embeddings, c_encoder, c_fusion = cache
    dhidden = fuse_levels_backward(dh, c_fusion, p.fusion, g.fusion, config.fusion_layers, config.num_hidden_layers)
    if more is not None:
        dhidden = [m if d is None else d + m for d, m in zip(dhidden, more)]
    dx = encoder_backward(dhidden, c_encoder, p.groups, g.groups, batch.sequences, config)
    embeddings_backward(dx, c_embeddings, p.embeddings, g.embeddings)


# ---- pretraining: body, both heads, joint loss ----


def pretraining(
    batch: Batch,
    p: Tree,
    config: Config,
    denominators: dict[str, float] | None = None,
    rng: Dropout | None = None,
) -> tuple[Results, Any]:
    """The joint loss, MLM + sentence order, each over the items that the batch has labels for.

    denominators {"mlm": ..., "sop": ...} default to this batch's counts, M and B.
    """
    h, _, c_body = encode(batch, p, config, rng, None if twins_of(p.flat) is None else batch.read)  # all, in the textbook
    zero = h.reshape(-1)[:0].sum()  # () on the right device, in the right dtype
    mlm = sop = (zero, zero, None)
    M = 0 if batch.masked_rows is None else len(batch.masked_rows)
    B = 0 if batch.order_labels is None else len(batch.order_labels)
    if M:
        logits, c_head = mlm_head(h, batch.masked_rows, p.mlm, p.embeddings.word, config)
        mlm = classify(logits, batch.masked_labels, denominators["mlm"] if denominators else M, c_head, batch.weights_of("mlm"))
    if B:
        logits, c_head = order_head(h, batch.sequences, p)
        sop = classify(logits, batch.order_labels, denominators["sop"] if denominators else B, c_head, batch.weights_of("sop"))
    results = Results(mlm[0] + sop[0], mlm[0], sop[0], mlm[1], sop[1], M, B)
    return results, (h, c_body, mlm[2], sop[2])


def pretraining_backward(cache: Any, p: Tree, g: Tree, config: Config, batch: Batch) -> None:
    """Adds the gradient of the loss into g"""
    h, c_body, c_mlm, c_sop = cache
    dh = np.zeros_like(h)
    if c_mlm:
        c_loss, c_head = c_mlm
        dlogits = cross_entropy_backward(1.0, c_loss)  # (M, V)
        dh += mlm_head_backward(dlogits, c_head, p.mlm, g.mlm, p.embeddings.word, g.embeddings.word, config)
    if c_sop:
        c_loss, c_head = c_sop
        dh += order_head_backward(cross_entropy_backward(1.0, c_loss), c_head, p, g)
    encode_backward(dh, c_body, p, g, config, batch)


def classify(logits: Any, labels: Any, denominator: float, c_head: Any, weights: Any = None) -> tuple[Any, Any, Any]:
    """logits (M, C), labels (M,), weights (M,) or None for 1 -> loss (), how many are right (), (the loss's cache, the head's)"""
    right = logits.argmax(-1) == labels
    if weights is None:
        weights = np.ones_like(logits[:, 0])  # (M,)
    else:
        right = right & (weights > 0)
    loss, c_loss = cross_entropy(logits, labels, weights, denominator)
    return loss, right.sum(), (c_loss, c_head)
