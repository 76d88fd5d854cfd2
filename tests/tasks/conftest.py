"""A tokenizer with a vocabulary in which the examples' words are single tokens."""

import pytest
from examples import train_vocabulary


@pytest.fixture(scope="session")
def tokenizer():
    return train_vocabulary()
