"""Gradient checks of the layers and of the parts of the model."""

from typing import Any

import numpy as np

from albert_np.core import layers
from albert_np.core.dispatch import Array, Cache
from albert_np.core.layers.activations import ACTIVATIONS
from albert_np.core.layers.fusion import fuse_levels, fuse_levels_backward
from albert_np.core.model.block import block, block_backward
from albert_np.core.model.embeddings import embeddings, embeddings_backward
from albert_np.core.model.encoder import encoder, encoder_backward, layer, layer_backward
from albert_np.core.model.heads import mlm_head, mlm_head_backward, order_head, order_head_backward
from albert_np.core.model.shapes import body, pretraining_heads
from albert_np.core.params import Namespace, Tree
from albert_np.gradcheck.checker import rows
from albert_np.gradcheck.examples import LENGTHS, TINY, M, N, batch, dropout, normal, parameters, put, sequences
from albert_np.gradcheck.registry import CHECKS, SMOOTH, Rows, named

V, E, H, A, F = TINY.vocab_size, TINY.embedding_size, TINY.hidden_size, TINY.num_attention_heads, TINY.intermediate_size
B = len(LENGTHS)
OUTPUT_ROWS = np.array([1, 2, 8, 11, 16])
LINEAR = {"w": (H, F), "b": (F,)}
FORM = body(TINY) | pretraining_heads(TINY)
BLOCK = FORM["groups"][0]["blocks"][0]


@named("linear")
def linear(seed: int) -> Rows:
    return rows(layers.linear, layers.linear_backward, {"x": normal(seed, "x", N, H)}, parameters(LINEAR, seed), seed=seed)


def layer_norm(seed: int, eps: float) -> Rows:
    p = parameters({"gamma": (H,), "beta": (H,)}, seed)
    x = 2 + 3 * normal(seed, "x", N, H)
    return rows(lambda x, p: layers.layer_norm(x, p, eps), layers.layer_norm_backward, {"x": x}, p, seed=seed)


def add_norm(seed: int, rate: float) -> Rows:
    p, key = parameters({"gamma": (H,), "beta": (H,)}, seed), dropout(seed).fold_in("here", 2)
    return rows(
        lambda x, f, p: layers.add_norm(x, f, p, 1e-12, rate, key), layers.add_norm_backward,
        {"x": normal(seed, "x", N, H), "f": 2 * normal(seed, "f", N, H)}, p, seed=seed,
    )  # fmt: skip


CHECKS["add_norm"] = lambda seed: add_norm(seed, 0.0)
CHECKS["add_norm, dropout"] = lambda seed: add_norm(seed, 0.3)
CHECKS["layer_norm"] = lambda seed: layer_norm(seed, 1e-12)
CHECKS["layer_norm, large eps"] = lambda seed: layer_norm(seed, 2.0)


def activation(seed: int, name: str) -> Rows:
    x = normal(seed, "x", N, F)
    return rows(
        lambda x: layers.activation(x, name),
        lambda dy, cache: layers.activation_backward(dy, cache, name),
        {"x": 2 * x + 0.1 * np.sign(x)},  # away from the kink of relu
        seed=seed,
    )


for _act in ACTIVATIONS:
    CHECKS[_act] = lambda seed, act=_act: activation(seed, act)  # type: ignore[misc]


@named("softmax")
def softmax(seed: int) -> Rows:
    return rows(layers.softmax, layers.softmax_backward, {"x": normal(seed, "x", A, B, M)}, seed=seed)


@named("dropout")
def dropout_layer(seed: int) -> Rows:
    key = dropout(seed).fold_in("here", 2)
    return rows(lambda x: layers.dropout(x, 0.3, key), layers.dropout_backward, {"x": normal(seed, "x", N, F)}, seed=seed)


@named("embedding")
def embedding(seed: int) -> Rows:
    b = batch(TINY, seed)
    p = parameters({key: FORM["embeddings"][key] for key in ("word", "position", "token_type")}, seed)
    return rows(
        lambda p: layers.embedding(b.ids, b.positions, b.token_types, p),
        lambda dy, cache, p, g: layers.embedding_backward(dy, cache, g),
        {}, p, seed=seed,
    )  # fmt: skip


@named("embedding, padding_idx")
def embedding_with_padding(seed: int) -> Rows:
    """With padding_idx the gradient is that of the lookup with the padding token's row held constant."""
    b, padding_idx = batch(TINY, seed), 3
    ids = put(np.where(np.arange(N) % 5 == 2, padding_idx, np.arange(N) * 7 % V))  # ids repeat
    p = parameters({key: FORM["embeddings"][key] for key in ("word", "position", "token_type")}, seed)
    row = put(p.word[padding_idx].copy())

    def forward(p: Namespace) -> tuple[Array, Cache]:
        y, cache = layers.embedding(ids, b.positions, b.token_types, p, padding_idx)
        return y - (ids == padding_idx)[:, None] * (p.word[padding_idx] - row), cache

    return rows(forward, lambda dy, cache, p, g: layers.embedding_backward(dy, cache, g), {}, p, seed=seed)


@named("gather")
def gather(seed: int) -> Rows:
    picked = put(np.array([3, 0, 3, 17, 5, 3, 11]))  # rows repeat
    return rows(lambda x: layers.gather(x, picked), layers.gather_backward, {"x": normal(seed, "x", N, H)}, seed=seed)


@named("attend, one sequence")
def one_attention(seed: int) -> Rows:
    qkv = {name: normal(seed, name, A, LENGTHS[0], H // A) for name in ("q", "k", "v")}
    return rows(layers.attend, layers.attend_backward, qkv, seed=seed)


def attention(seed: int, translation: bool = False, rate: float = 0.0) -> Rows:
    packed = sequences(translation)
    return rows(
        lambda x, p: layers.attention(x, p, packed, A, rate, dropout(seed)),
        lambda dy, cache, p, g: layers.attention_backward(dy, cache, p, g, packed, A),
        {"x": normal(seed, "x", N, H)}, parameters(BLOCK["attention"], seed), seed=seed,
    )  # fmt: skip


CHECKS["attention"] = attention
CHECKS["attention, translation"] = lambda seed: attention(seed, translation=True)
CHECKS["attention, dropout"] = lambda seed: attention(seed, rate=0.3)
CHECKS["attention, translation, dropout"] = lambda seed: attention(seed, translation=True, rate=0.2)


def feed_forward(seed: int, act: str) -> Rows:
    return rows(
        lambda x, p: layers.feed_forward(x, p, act),
        lambda dy, cache, p, g: layers.feed_forward_backward(dy, cache, p, g, act),
        {"x": normal(seed, "x", N, H)}, parameters(BLOCK["ffn"], seed), seed=seed, kinks=act not in SMOOTH,
    )  # fmt: skip


for _act in ACTIVATIONS:
    CHECKS[f"feed_forward, {_act}"] = lambda seed, act=_act: feed_forward(seed, act)  # type: ignore[misc]


@named("fuse")
def fuse(seed: int) -> Rows:
    levels = {name: normal(seed, name, N, H) for name in ("low", "high")}
    return rows(layers.fuse, layers.fuse_backward, levels, parameters({"w": (2 * H, H), "b": (H,)}, seed), seed=seed)


@named("pooler")
def pooler(seed: int) -> Rows:
    p = parameters({"w": (H, H), "b": (H,)}, seed)
    return rows(
        lambda x, p: layers.pooler(x, p, sequences()), layers.pooler_backward, {"x": normal(seed, "x", N, H)}, p, seed=seed
    )


def cross_entropy(seed: int, smoothing: float = 0.0) -> Rows:
    labels = put(np.arange(M) * 7 % V)
    weights = put(0.5 + np.abs(normal(seed, "weights", M)))
    return rows(
        lambda x: layers.cross_entropy(x, labels, weights, 3.7, smoothing),
        layers.cross_entropy_backward, {"x": 2 * normal(seed, "x", M, V)}, seed=seed,
    )  # fmt: skip


CHECKS["cross_entropy"] = cross_entropy
CHECKS["cross_entropy, label smoothing"] = lambda seed: cross_entropy(seed, smoothing=0.2)


@named("embeddings: tables, norm, dropout, projection")
def all_embeddings(seed: int) -> Rows:
    b, config = batch(TINY, seed), TINY.replace(hidden_dropout_prob=0.3)
    return rows(
        lambda p: embeddings(b, p, config, dropout(seed)),
        lambda dy, cache, p, g: embeddings_backward(dy, cache, p, g),
        {}, parameters(FORM["embeddings"], seed), seed=seed,
    )  # fmt: skip


@named("block, dropout")
def whole_block(seed: int) -> Rows:
    config = TINY.replace(hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2)
    return rows(
        lambda x, p: block(x, p, sequences(), config, dropout(seed), 4),
        lambda dy, cache, p, g: block_backward(dy, cache, p, g, sequences(), config),
        {"x": normal(seed, "x", N, H)}, parameters(BLOCK, seed), seed=seed,
    )  # fmt: skip


@named("last layer, dropout, some output rows")
def last_layer(seed: int) -> Rows:
    """Kernels compute the last layer for its output rows alone, so the output gradient is that of these rows."""
    config = TINY.replace(inner_group_num=2, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2)
    outputs, last = put(OUTPUT_ROWS), config.num_hidden_layers - 1
    packed = sequences(output_rows=outputs)

    def forward(x: Array, p: Namespace) -> tuple[Array, Cache]:
        y, cache = layer(x, p, packed, config, dropout(seed), last)
        output, c_gather = layers.gather(y, outputs)
        return output, (cache, c_gather)

    def backward(dy: Array, cache: Cache, p: Namespace, g: Namespace) -> Array:
        c_layer, c_gather = cache
        return layer_backward(layers.gather_backward(dy, c_gather), c_layer, p, g, packed, config)

    p = parameters({"blocks": body(config)["groups"][0]["blocks"]}, seed)
    return rows(forward, backward, {"x": normal(seed, "x", N, H)}, p, seed=seed)


@named("encoder, a gradient into every hidden state")
def whole_encoder(seed: int) -> Rows:
    config = TINY.replace(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2)
    return rows(
        lambda x, p: encoder(x, p.groups, sequences(), config, None),
        lambda dy, cache, p, g: encoder_backward(dy, cache, p.groups, g.groups, sequences(), config),
        {"x": normal(seed, "x", N, H)}, parameters({"groups": body(config)["groups"]}, seed), seed=seed,
    )  # fmt: skip


def hidden_fusion(seed: int, levels: tuple[int, ...], L: int) -> Rows:
    def forward(*arguments: Any) -> tuple[Array, Cache]:
        *fused, p = arguments
        hidden = [dict(zip(levels, fused)).get(level) for level in range(L + 1)]
        return fuse_levels(hidden, p.fusion, levels)

    def backward(dy: Array, cache: Cache, p: Tree, g: Tree) -> list[Array]:
        dhidden = fuse_levels_backward(dy, cache, p.fusion, g.fusion, levels, L)
        return [dhidden[level] for level in levels]

    hidden = {f"hidden.{level}": normal(seed, f"h{level}", N, H) for level in levels}
    p = parameters({"fusion": [{"w": (2 * H, H), "b": (H,)} for _ in levels[1:]]}, seed)
    return rows(forward, backward, hidden, p, seed=seed)


CHECKS["fuse_levels (0, 2, 3) of 3"] = lambda seed: hidden_fusion(seed, (0, 2, 3), 3)
CHECKS["fuse_levels (1, 2) of 3"] = lambda seed: hidden_fusion(seed, (1, 2), 3)


@named("mlm_head with its tied table")
def masked_head(seed: int) -> Rows:
    masked: Any = batch(TINY, seed).masked
    form = {"mlm": FORM["mlm"], "embeddings": {"word": (V, E)}}
    return rows(
        lambda h, p: mlm_head(h, masked.rows, p, TINY),
        lambda dy, cache, p, g: mlm_head_backward(dy, cache, p, g, TINY),
        {"h": normal(seed, "h", N, H)}, parameters(form, seed), seed=seed,
    )  # fmt: skip


@named("order_head")
def sentence_head(seed: int) -> Rows:
    return rows(
        lambda h, p: order_head(h, sequences(), p), order_head_backward,
        {"h": normal(seed, "h", N, H)}, parameters({"pooler": FORM["pooler"], "sop": FORM["sop"]}, seed), seed=seed,
    )  # fmt: skip
