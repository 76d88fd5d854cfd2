"""A small model, and a batch of sentences it can be trained on."""

import numpy as np
import pytest

import albert_np as ab
from albert_np.model.batch import Batch

SIZES = dict(
    vocab_size=97, embedding_size=16, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=24, num_labels=3,
)  # fmt: skip


@pytest.fixture
def config():
    return ab.AlbertConfig(**SIZES)


@pytest.fixture
def model(config):
    model = ab.AlbertForSequenceClassification(config, seed=3)
    rng = np.random.default_rng(0)
    flat = model.params.flat
    flat += 0.1 * rng.standard_normal(flat.shape).astype(np.float32)  # nothing is small: what is lost shows
    return model


def batch_of(config, seed=0, lengths=(7, 4, 9, 5)):
    rng = np.random.default_rng(seed)
    N = sum(lengths)
    return Batch.pack(
        ids=rng.integers(5, config.vocab_size, N), lengths=np.array(lengths), token_types=np.zeros(N, np.int64),
        positions=np.concatenate([np.arange(n) for n in lengths]),
        labels=[(np.arange(len(lengths)), rng.integers(config.num_labels, size=len(lengths)))],
    )  # fmt: skip


@pytest.fixture
def batch(config):
    return batch_of(config)


@pytest.fixture
def ids(config):
    return np.random.default_rng(1).integers(5, config.vocab_size, (3, 9))
