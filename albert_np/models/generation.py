"""Text generation, token by token: the source is encoded once, then each step computes one new row per sequence.

    begin     the sources -> hidden rows of their last tokens, and the KV cache: keys and values of every application of a block
    advance   one more token of each sequence -> its hidden row

Greedy search takes the most likely token in each step. Beam search continues the num_beams best texts; with one beam the two are
equal, so one function does both.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from albert_np.core import backend
from albert_np.core.batch import Batch
from albert_np.core.dispatch import Array
from albert_np.core.layers import feed_forward, layer_norm
from albert_np.core.layers.fusion import fuse_levels
from albert_np.core.model.block import block
from albert_np.core.model.embeddings import embeddings
from albert_np.core.model.heads import mlm_head
from albert_np.core.params import Namespace, Tree
from albert_np.models.base import Model
from albert_np.models.config import AlbertConfig
from albert_np.models.layers import attend_cached, fill_cache
from albert_np.models.padded import Padded, pack


@dataclass
class KVCache:
    """Keys and values of the tokens so far.

    keys, values   one (B, A, T, D) for each application of a block, in order
    lengths_so_far (B,) host integers: number of tokens of each sequence so far, the slot of its next one
    positions      (B,) host integers: the position id of its next token; different from the slot only where a mask had holes
    """

    keys: list[Array]
    values: list[Array]
    lengths_so_far: np.ndarray
    positions: np.ndarray

    def take(self, rows: np.ndarray) -> "KVCache":
        """Return the cache of these sequences, in this order; a sequence may be repeated."""
        index = backend.asarray_like(rows, self.keys[0])
        keys, values = ([np.take(array, index, axis=0) for array in arrays] for arrays in (self.keys, self.values))
        return KVCache(keys, values, self.lengths_so_far[rows], self.positions[rows])


def applied_blocks(p: Tree, config: AlbertConfig) -> Iterator[tuple[int, int, Namespace]]:
    """Yield (layer, index of the application, parameters) of every application of a block, in order."""
    for l in range(config.num_hidden_layers):
        for i, p_block in enumerate(p.groups[config.group_of(l)].blocks):
            yield l, l * config.inner_group_num + i, p_block


def begin(p: Tree, config: AlbertConfig, batch: Batch, room: int) -> tuple[Array, KVCache]:
    """Encode the sources -> hidden rows (B, H) of their last tokens, and the KV cache with room for `room` more tokens."""
    sequences, A = batch.sequences, config.num_attention_heads
    x, _ = embeddings(batch, p.embeddings, config, None)
    shape = (len(sequences), A, int(sequences.lengths.max()) + room, config.head_width)
    last = sequences.starts + sequences.lengths - 1  # (B,)
    kv_cache = KVCache([], [], sequences.lengths.copy(), backend.to_host(batch.positions)[last] + 1)
    hidden: list[Array] = [x, *[None] * config.num_hidden_layers]
    for l, i, p_block in applied_blocks(p, config):
        kv_cache.keys.append(np.zeros_like(x, shape=shape))
        kv_cache.values.append(np.zeros_like(x, shape=shape))
        fill_cache(x, p_block.attention, kv_cache.keys[-1], kv_cache.values[-1], sequences, A)
        x, _ = block(x, p_block, sequences, config, None, i)
        hidden[l + 1] = x
    h, _ = fuse_levels(hidden, p.fusion, config.fusion_layers)
    return np.take(h, backend.asarray_like(last, x), axis=0), kv_cache


def advance(p: Tree, config: AlbertConfig, kv_cache: KVCache, tokens: np.ndarray) -> Array:
    """tokens (B,) host ids, the next of each target -> their hidden rows (B, H); the cache grows by them"""
    batch = Batch.pack(tokens, np.ones(len(tokens), np.intp), np.ones_like(tokens), kv_cache.positions, like=p.flat)
    x, _ = embeddings(batch, p.embeddings, config, None)
    slots = backend.asarray_like(kv_cache.lengths_so_far, x)
    hidden: list[Array] = [x, *[None] * config.num_hidden_layers]
    for (l, _, p_block), keys, values in zip(applied_blocks(p, config), kv_cache.keys, kv_cache.values):
        a = attend_cached(x, p_block.attention, keys, values, slots, config.num_attention_heads)
        h, _ = layer_norm(x + a, p_block.attention_norm, config.layer_norm_eps)
        f, _ = feed_forward(h, p_block.ffn, config.hidden_act)
        x, _ = layer_norm(h + f, p_block.ffn_norm, config.layer_norm_eps)
        hidden[l + 1] = x
    kv_cache.lengths_so_far, kv_cache.positions = kv_cache.lengths_so_far + 1, kv_cache.positions + 1
    h, _ = fuse_levels(hidden, p.fusion, config.fusion_layers)
    return h


def log_probabilities(p: Tree, config: AlbertConfig, h: Array, V: int | None = None) -> np.ndarray:
    """h (B, H) -> (B, V) on the host: log p of the token that follows, one of the first V; None: of all"""
    every_row = backend.asarray_like(np.arange(len(h)), h)
    logits = mlm_head(h, every_row, p, config)[0][:, :V]
    shifted = logits - logits.max(-1, keepdims=True)
    return backend.to_host(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def generate(
    model: Model,
    inputs: Padded,
    num_beams: int,
    max_new_tokens: int | None,
    length_penalty: float,
    eos: int | None,
    vocab_size: int | None = None,
) -> np.ndarray:
    """Checked sources -> targets (B, T), see `AlbertForTranslation.generate`"""
    p, config = model.params, model.config
    lengths = inputs.visible.sum(axis=1)  # (B,)
    room = config.max_position_embeddings - 1 - int(inputs.positions[inputs.visible].max())
    if vocab_size is not None and not 0 < vocab_size <= config.vocab_size:
        raise ValueError(f"vocab_size: expected 1 to {config.vocab_size}, the model's, got {vocab_size}")
    if num_beams < 1:
        raise ValueError(f"num_beams: expected 1 or more, got {num_beams}")
    if max_new_tokens is not None and max_new_tokens < 1:
        raise ValueError(f"max_new_tokens: expected 1 or more, got {max_new_tokens}")
    if room < 1:
        raise ValueError(
            f"input_ids: a source of {lengths.max()} tokens leaves no room for a target: max_position_embeddings is "
            f"{config.max_position_embeddings}"
        )
    room = room if max_new_tokens is None else min(room, max_new_tokens)
    compact = Padded(inputs.visible, inputs.ids, np.zeros_like(inputs.token_types), inputs.positions, source_lengths=lengths)
    last = [row[is_visible][-1] for row, is_visible in zip(inputs.ids, inputs.visible)]
    ends = np.array(last if eos is None else [eos] * len(lengths))
    h, kv_cache = begin(p, config, pack(compact, config, p.flat), room)
    texts = search(p, config, log_probabilities(p, config, h, vocab_size), kv_cache, num_beams, room, length_penalty, ends)
    targets = np.full((len(texts), max(map(len, texts))), config.pad_token_id or 0)
    for row, target in zip(targets, texts):
        row[: len(target)] = target
    return targets


def search(
    p: Tree,
    config: AlbertConfig,
    first: np.ndarray,
    kv_cache: KVCache,
    K: int,
    room: int,
    length_penalty: float,
    ends: np.ndarray,
) -> list[list[int]]:
    """Beam search for B targets side by side: row b K + k is beam k of target b.   first (B, V), ends (B,) -> B lists of ids

    A target is complete when K of its texts have ended or it has `room` tokens; the best of its texts is returned.
    """
    B, V = first.shape
    kv_cache, log_p = kv_cache.take(np.repeat(np.arange(B), K)), np.repeat(first, K, axis=0)  # (B K, V)
    totals = np.full((B, K), -np.inf)  # log p of each beam; all beams start as the same text, so only one counts
    totals[:, 0] = 0
    texts: list[list[list[int]]] = [[[] for _ in range(K)] for _ in range(B)]
    finished: list[list[tuple[float, list[int]]]] = [[] for _ in range(B)]
    for length in range(1, room + 1):
        scores = (totals[:, :, None] + log_p.reshape(B, K, V)).reshape(B, K * V)
        best = top_k(scores, 2 * K)  # 2 K, because K of them may end their text
        parents, tokens = np.repeat(np.arange(B), K).reshape(B, K) * K, np.zeros((B, K), np.int64)
        for b in range(B):
            if len(finished[b]) >= K:
                continue
            count = 0
            longer: list[list[int]] = []
            for rank, choice in enumerate(best[b].tolist()):
                (k, token), total = divmod(choice, V), float(scores[b, choice])
                if token == ends[b] and rank < K:
                    finished[b].append((total / length**length_penalty, [*texts[b][k], token]))
                elif token != ends[b] and count < K:
                    parents[b, count], tokens[b, count], totals[b, count] = b * K + k, token, total
                    longer.append([*texts[b][k], token])
                    count += 1
            texts[b] = longer
        if length == room or all(len(ended) >= K for ended in finished):
            break
        kv_cache = kv_cache.take(parents.reshape(-1))
        log_p = log_probabilities(p, config, advance(p, config, kv_cache, tokens.reshape(-1)), V)
    return [best_text(*each, length_penalty) for each in zip(finished, texts, totals)]


def top_k(scores: np.ndarray, count: int) -> np.ndarray:
    """scores (B, n) -> (B, min(count, n)) indices of the highest, in descending order; of equal scores the first comes first"""
    count = min(count, scores.shape[1])
    candidates = np.sort(np.argpartition(-scores, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(scores, candidates, axis=1), axis=1, kind="stable")
    return np.take_along_axis(candidates, order, axis=1)


def best_text(
    finished: list[tuple[float, list[int]]], texts: list[list[int]], totals: np.ndarray, length_penalty: float
) -> list[int]:
    """Return the best finished text or, if none is finished, the best unfinished one."""
    unfinished = [(float(total) / len(text) ** length_penalty, text) for text, total in zip(texts, totals)]
    return max(finished or unfinished, key=lambda scored: scored[0])[1]
