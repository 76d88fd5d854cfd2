"""Small random parameters and batches to check with, made so that mistakes show.

All sizes differ, so that two axes cannot be swapped unseen; the three sequences are of unequal length, one of them of
length 1; ids repeat; gammas, betas and biases stand away from 1 and 0.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.batch import Batch, rows_read
from albert_np.core.params import Tree, flat_size
from albert_np.core.random import Dropout, generator
from albert_np.core.sequences import Sequences
from albert_np.models.config import AlbertConfig

LENGTHS = 8, 1, 9
SOURCES = 3, 1, 5  # tokens of each that are the source, in translation's pattern
N, M = sum(LENGTHS), 10
EXAMPLES = 5, 0, 7

TINY = AlbertConfig(
    vocab_size=31, embedding_size=13, hidden_size=20, num_hidden_layers=3, num_attention_heads=4, intermediate_size=23,
    max_position_embeddings=11, type_vocab_size=6,
)  # fmt: skip


def put(host: np.ndarray) -> Any:
    """A host array on the backend in use."""
    return backend.asarray(host)


def normal(seed: int, name: str, *shape: int) -> np.ndarray:
    """Standard normal numbers."""
    return generator(seed, "gradcheck " + name).standard_normal(shape)


def parameters(form: dict[str, Any], seed: int) -> Tree:
    """A float64 tree of this form, far from the values of a fresh model."""
    p = Tree(form, np.zeros(flat_size(form)))
    for name, array in p.items():
        z = normal(seed, name, *array.shape)
        leaf = name.rsplit(".", 1)[-1]
        if leaf in ("w", "u", "v"):
            z = z / math.sqrt(len(array))
            if name.endswith(
                ("output.w", "output.v")
            ):  # what a block adds stays below what it passes on: else all tokens become alike
                z = z / 2
        elif array.ndim == 1:
            z = 0.3 * z + (leaf == "gamma")
        array[...] = z
    return p


def sequences(translation: bool = False) -> Sequences:
    return Sequences.of_lengths(np.array(LENGTHS), np.array(SOURCES) if translation else None)


def dropout(seed: int) -> Dropout:
    """Dropout for the rows of `sequences`."""
    within = np.concatenate([np.arange(length) for length in LENGTHS])
    return Dropout(seed, step=3).of(put(np.stack([np.repeat(EXAMPLES, LENGTHS), within], axis=1)))


def batch(config: AlbertConfig, seed: int = 0, mlm: bool = True, sop: bool = True, translation: bool = False) -> Batch:
    """A batch of LENGTHS for a model of any size."""
    rng = generator(seed, "gradcheck batch")
    some = rng.choice(config.vocab_size, min(12, config.vocab_size), replace=False)  # fewer than N: ids repeat
    positions = [rng.permutation(config.max_position_embeddings)[:length] for length in LENGTHS]
    labels: dict[str, Any] = {}
    if mlm:
        labels["masked_rows"] = np.sort(rng.choice(N, M, replace=False))
        labels["masked_labels"] = rng.integers(config.vocab_size, size=M)
    if sop:
        labels["order_labels"] = np.array([1, 0, 1])
    return Batch.pack(
        ids=np.concatenate([some, rng.choice(some, N)])[:N],
        lengths=np.array(LENGTHS),
        token_types=rng.integers(config.type_vocab_size, size=N),
        positions=np.concatenate(positions),
        examples=np.array(EXAMPLES),
        source_lengths=np.array(SOURCES) if translation else None,
        **labels,
    )


def entity_rows() -> np.ndarray:
    """Where the two entities of each sequence are read (B, 2); in the sequence of length 1 it is the same row."""
    return np.array([[6, 2], [8, 8], [11, 16]])


def task_batch(config: AlbertConfig, seed: int, task: str) -> Batch:
    """A batch of LENGTHS with the labels of a task."""
    if task == "translation":  # the rows that predict begin with the source's last
        starts = np.cumsum(LENGTHS) - LENGTHS
        rows = np.concatenate([np.arange(s + n - 1, s + T) for s, n, T in zip(starts, SOURCES, LENGTHS)])
        tokens = generator(seed, "gradcheck labels").integers(config.vocab_size, size=len(rows))
        given = batch(config, seed, mlm=False, sop=False, translation=True)
        read = rows_read(given.sequences, rows, None)
        return replace(given, masked_rows=put(rows), masked_labels=put(tokens), read=put(read), label_smoothing=0.2)
    if task == "relations":
        rows = entity_rows()
        given = replace(batch(config, seed, mlm=False, sop=False), entity_rows=put(rows), read=put(np.unique(rows)))
        return replace(given, labels=on_device(task_labels(config, seed, "classes")))
    return replace(batch(config, seed, mlm=False, sop=False), labels=on_device(task_labels(config, seed, task)))


def on_device(labels: list[tuple[np.ndarray, np.ndarray]]) -> tuple[tuple[Any, Any], ...]:
    """Labels on the backend in use."""
    return tuple((put(rows), put(items)) for rows, items in labels)


def task_labels(config: AlbertConfig, seed: int, task: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """`Batch.labels` of "classes", "numbers" or "sets" of sequences, "tokens" or "spans". Some rows have none."""
    rng, B, C = generator(seed, "gradcheck labels"), len(LENGTHS), config.num_labels
    if task == "classes":
        return [(np.array([0, 2]), rng.integers(C, size=2))]
    if task == "numbers":
        return [(np.arange(B), rng.standard_normal((B, C)))]
    if task == "sets":
        return [(np.arange(B), rng.integers(0, 2, (B, C)).astype(np.float64))]
    if task == "tokens":
        return [(np.sort(rng.choice(N, M, replace=False)), rng.integers(C, size=M))]
    return [(np.arange(B), np.array([5, 0, 2])), (np.array([0, 2]), np.array([7, 8]))]  # an answer without a known end
