"""Vectors of sentences: the hidden state of a layer, pooled over the tokens of each sequence.

    mean     h̄ = 1/T Σ_t h_t      over all tokens of the sequence, [CLS] and [SEP] included (as sentence-transformers does)
    cls      h_[CLS]              the first token
    pooler   tanh(h_[CLS] W + b)  the layer that sentence order and sequence classification are trained through

Layers above the chosen one are not computed, and where only [CLS] is read, the last block is computed for these rows alone.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.core.layers import gather, pooler
from albert_np.core.params import Tree
from albert_np.core.sequences import Sequences
from albert_np.engine import threads
from albert_np.engine.inference import blas_threads, encode, number_of_workers
from albert_np.engine.shards import number_of_shards, split
from albert_np.models.base import Model
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig

POOLINGS = ("mean", "cls", "pooler")
OUTPUT = -1  # the layer that stands for the model's output


def check_pooling(model: Model, pooling: str, layer: int) -> None:
    """Raise ValueError unless the model can compute this pooling of this layer."""
    if pooling not in POOLINGS:
        raise ValueError(f"pooling: expected one of {', '.join(POOLINGS)}, got {pooling!r}")
    index = find_layer(model.config, layer)
    if pooling == "pooler" and "pooler" not in model.params.form:
        raise ValueError("pooling: this model has no pooler (it was stored without one): choose mean or cls")
    if pooling == "pooler" and index is not None:
        raise ValueError(f"layer: the pooler reads the model's output, so with pooling='pooler' it must be -1, not {layer}")


def find_layer(config: AlbertConfig, layer: int) -> int | None:
    """Return the index, from 0 to L, of a hidden state; None for the model's output, after the fusion if it has one.

    layer: as an index of `hidden_states`, 0 to L or from the end, except that -1 is always the model's output, also of a model
    with `fusion_layers`. ValueError for one that the model does not have.
    """
    L = config.num_hidden_layers
    if isinstance(layer, bool) or not isinstance(layer, int | np.integer) or not -L - 1 <= layer <= L:
        raise ValueError(f"layer: expected 0 (the embeddings) to {L}, or -1 to {-L - 1} from the end, got {layer!r}")
    if layer == OUTPUT or (layer == L and not config.fusion_layers):
        return None
    return int(layer) % (L + 1)


def sentence_vectors(
    model: Model, rows: Sequence[np.ndarray], token_types: Sequence[np.ndarray], pooling: str = "mean", layer: int = OUTPUT
) -> np.ndarray:
    """Return the vectors (B, H) of B sequences as a host array of the model's dtype (float32 for float16).

    rows, token_types: (T,) integers of each sequence, special tokens included. They are packed into one batch, without padding,
    which is divided among threads.
    """
    check_pooling(model, pooling, layer)
    lengths = np.array([len(row) for row in rows], np.intp)  # (B,)
    starts = np.cumsum(lengths) - lengths
    batch = TaskBatch.pack(
        np.concatenate(rows), lengths, np.concatenate(token_types), np.arange(lengths.sum()) - np.repeat(starts, lengths),
        output_rows=None if pooling == "mean" else starts, like=model.params.flat,
    )  # fmt: skip
    k = number_of_shards(lengths, model.params.groups[0].blocks[0].ffn.output.b)
    shards = split(batch, k) if k > 1 else [batch]
    workers = number_of_workers(lengths, model.params, model.config, k)
    index = find_layer(model.config, layer)

    def work(shard: TaskBatch) -> np.ndarray:
        with blas_threads(workers):
            h = encode(shard, model.params, model.config, index, workers)  # (N, H)
            return backend.to_host(pool(h, model.params, shard.sequences, pooling))

    return np.concatenate(threads.run(work, shards))


def pool(h: Array, p: Tree, sequences: Sequences, pooling: str) -> Array:
    """h (N, H) -> (B, H)"""
    if pooling == "pooler":
        return pooler(h, p.pooler, sequences)[0]
    if pooling == "cls":
        return gather(h, sequences.first_rows)[0]
    return mean_of_tokens(h, sequences)


def mean_of_tokens(h: Array, sequences: Sequences) -> Array:
    """Return the mean of each sequence's rows.   h (N, H) -> (B, H), in float32 or wider

    Neighbours of equal length are reduced together: on a GPU a launch for each sequence would take longer than its sum.
    """
    means, start = [], 0
    for T, run in groupby(sequences.lengths.tolist()):
        stop = start + T * len(list(run))
        rows = h[start:stop].reshape(-1, T, h.shape[-1])  # (sequences of this length, T, H)
        means.append(np.mean(rows, axis=1, dtype=np.result_type(h.dtype, np.float32)))
        start = stop
    return np.concatenate(means)
