"""Small random parameters and batches for gradient checks, chosen so that mistakes change the result.

All sizes differ, so that swapped axes are noticed; the three sequences have unequal lengths, one of them 1; ids repeat; gammas,
betas and biases are away from 1 and 0.
"""

import math
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.core.params import Form, Tree, flat_size
from albert_np.core.random import RandomKey, generator
from albert_np.core.sequences import Sequences
from albert_np.engine.sequences import PackedSequences
from albert_np.models.batch import PrefixSequences, TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.objective import PRETRAINING, Objective

LENGTHS = 8, 1, 9
SOURCES = 3, 1, 5  # numbers of tokens of each sequence that are the source, in translation batches
N, M = sum(LENGTHS), 10
CHOICES = 5, 1, 2, 4  # numbers of choices of each question, in batches of multiple choice
CHOICE_LENGTHS = 3, 2, 4, 1, 2, 3, 2, 5, 1, 4, 2, 3  # of each choice
EXAMPLES = 5, 0, 7

TINY = AlbertConfig(
    vocab_size=31, embedding_size=13, hidden_size=20, num_hidden_layers=3, num_attention_heads=4, intermediate_size=23,
    max_position_embeddings=11, type_vocab_size=6,
)  # fmt: skip


def put(host: np.ndarray) -> Array:
    """Copy a host array to the backend in use."""
    return backend.asarray(host)


def normal(seed: int, name: str, *shape: int) -> np.ndarray:
    """Return standard normal numbers."""
    return generator(seed, "gradcheck " + name).standard_normal(shape)


def parameters(form: Form, seed: int) -> Tree:
    """Return a float64 tree of this form, with values far from those of a fresh model.

    form: nested dicts and lists of shapes, {"w": (6, 3), "b": (3,)}. Gammas are near 1, biases and betas near 0, and none is
    exactly so: a gradient that is lost where a value is 0 or 1 is then noticed.
    """
    p = Tree(form, np.zeros(flat_size(form)))
    for name, array in p.items():
        z = normal(seed, name, *array.shape)
        leaf = name.rsplit(".", 1)[-1]
        if leaf in ("w", "u", "v"):
            z = z / math.sqrt(len(array))
            if name.endswith(("output.w", "output.v")):  # larger updates of the residual stream would make all tokens alike
                z = z / 2
        elif array.ndim == 1:
            z = 0.3 * z + (leaf == "gamma")
        array[...] = z
    return p


def sequences(translation: bool = False, output_rows: Array = None) -> Sequences:
    """Return sequences of LENGTHS, with translation's mask if asked for."""
    kind = PrefixSequences if translation else PackedSequences
    starts = put(np.cumsum(LENGTHS) - LENGTHS)
    prefixes = np.array(SOURCES) if translation else None
    return kind(np.array(LENGTHS), first_rows=starts, output_rows=output_rows, prefix_lengths=prefixes)


def dropout(seed: int) -> RandomKey:
    """Return a dropout key for the rows of `sequences`."""
    index = np.concatenate([np.arange(length) for length in LENGTHS])
    return RandomKey(seed, step=3).for_rows(put(np.stack([np.repeat(EXAMPLES, LENGTHS), index], axis=1)))


def batch(
    config: AlbertConfig, seed: int = 0, mlm: bool = True, sop: bool = True, translation: bool = False,
    objective: Objective = PRETRAINING, **more: Any,
) -> TaskBatch:  # fmt: skip
    """Return a packed batch for a model of any size: 18 tokens of three sequences, of 8, 1 and 9 tokens.

    mlm, sop      whether masked tokens (10) and the order of sentences are labelled
    translation   whether sequences have translation's mask
    objective     that of the model; more: further arrays that it packs, such as labels
    """
    rng = generator(seed, "gradcheck batch")
    pool = rng.choice(config.vocab_size, min(12, config.vocab_size), replace=False)  # fewer than N: ids repeat
    positions = [rng.permutation(config.max_position_embeddings)[:length] for length in LENGTHS]
    labels: dict[str, Any] = {}
    if mlm:
        labels["masked_rows"] = np.sort(rng.choice(N, M, replace=False))
        labels["masked_labels"] = rng.integers(config.vocab_size, size=M)
    if sop:
        labels["order_labels"] = np.array([1, 0, 1])
    arrays = dict(
        ids=np.concatenate([pool, rng.choice(pool, N)])[:N],
        lengths=np.array(LENGTHS),
        token_types=rng.integers(config.type_vocab_size, size=N),
        positions=np.concatenate(positions),
        examples=np.array(EXAMPLES),
        source_lengths=np.array(SOURCES) if translation else None,
        **labels,
        **more,
    )
    return objective.pack(arrays, put(np.empty(0)))


def entity_rows() -> np.ndarray:
    """Return the rows (B, 2) of the two entities of each sequence, the same row in the sequence of length 1."""
    return np.array([[6, 2], [8, 8], [11, 16]])


def task_batch(config: AlbertConfig, seed: int, task: str, objective: Objective) -> TaskBatch:
    """Return a batch of LENGTHS with the labels of a task, for this objective."""
    if task == "translation":  # the source's last row is the first that predicts
        starts = np.cumsum(LENGTHS) - LENGTHS
        rows = np.concatenate([np.arange(s + n - 1, s + T) for s, n, T in zip(starts, SOURCES, LENGTHS)])
        tokens = generator(seed, "gradcheck labels").integers(config.vocab_size, size=len(rows))
        labels: dict[str, Any] = dict(masked_rows=rows, masked_labels=tokens, label_smoothing=0.2)
        return batch(config, seed, mlm=False, sop=False, translation=True, objective=objective, **labels)
    labels = {"labels": task_labels(config, seed, "classes" if task == "relations" else task)}
    if task == "relations":
        labels["entity_rows"] = entity_rows()
    if task == "choices":
        return choice_batch(config, seed, labels["labels"], objective)
    return batch(config, seed, mlm=False, sop=False, objective=objective, **labels)


def choice_batch(config: AlbertConfig, seed: int, labels: Any, objective: Objective) -> TaskBatch:
    """Return a batch of multiple choice: the questions of CHOICES with the sequences of CHOICE_LENGTHS."""
    rng, lengths = generator(seed, "gradcheck choices"), np.array(CHOICE_LENGTHS)
    n, pool = int(lengths.sum()), rng.choice(config.vocab_size, min(12, config.vocab_size), replace=False)  # ids repeat
    arrays = dict(
        ids=rng.choice(pool, n), lengths=lengths, token_types=rng.integers(config.type_vocab_size, size=n),
        positions=np.concatenate([rng.permutation(config.max_position_embeddings)[:length] for length in lengths]),
        examples=np.arange(len(lengths)) + 3, group_sizes=np.array(CHOICES), labels=labels,
    )  # fmt: skip
    return objective.pack(arrays, put(np.empty(0)))


def choice_rows() -> np.ndarray:
    """Return the rows (Q, K) of two groups among the sequences of LENGTHS: two sequences, and the last alone."""
    return np.array([[0, 1], [2, -1]])


def task_labels(config: AlbertConfig, seed: int, task: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return rows and labels for "classes", "numbers" or "sets" of sequences, "tokens", "spans" or "choices". Some rows have
    none."""
    rng, B, C = generator(seed, "gradcheck labels"), len(LENGTHS), config.num_labels
    if task == "classes":
        return [(np.array([0, 2]), rng.integers(C, size=2))]
    if task == "numbers":
        return [(np.arange(B), rng.standard_normal((B, C)))]
    if task == "sets":
        return [(np.arange(B), rng.integers(0, 2, (B, C)).astype(np.float64))]
    if task == "tokens":
        return [(np.sort(rng.choice(N, M, replace=False)), rng.integers(C, size=M))]
    if task == "choices":
        return [(np.array([0, 1, 2]), np.array([3, 0, 1]))]  # the last question has no label
    return [(np.arange(B), np.array([5, 0, 2])), (np.array([0, 2]), np.array([7, 8]))]  # one answer has no known end
