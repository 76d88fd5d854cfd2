"""A small model, and a batch of sentences it can be trained on."""

import sys
from pathlib import Path

import numpy as np
import pytest
from small_models import SIZES, batch_of, shaken

import albert_np as ab

sys.path.append(str(Path(__file__).parents[1] / "tasks"))


@pytest.fixture
def config():
    return ab.AlbertConfig(**SIZES)


@pytest.fixture
def model(config):
    model = ab.AlbertForSequenceClassification(config, seed=3)
    return shaken(model)


@pytest.fixture
def batch(config):
    return batch_of(config)


@pytest.fixture
def ids(config):
    return np.random.default_rng(1).integers(5, config.vocab_size, (3, 9))


@pytest.fixture(scope="session")
def tokenizer():
    from examples import train_vocabulary

    return train_vocabulary()
