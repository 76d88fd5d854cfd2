"""A corpus of a few documents, a vocabulary of whole words, and runs that take a second."""

import itertools
from pathlib import Path

import pytest

import albert_np as ab
from albert_np.training import Settings, get_run_data

ANIMALS = "the cat|a grey dog|the old horse|my sister's bird|the black goat|a small mouse".split("|")
DEEDS = "sleeps in the barn|runs over the wet field|waits at the door|drinks from the river|looks for its supper".split("|")
THEN = "Later it comes home|Then nobody sees it again|In the evening it is tired|At last the rain stops|So the day ends".split(
    "|"
)


def story(number: int) -> list[str]:
    """Five sentences; every story has others."""
    picks = itertools.islice(itertools.product(ANIMALS, DEEDS, THEN), number * 5, number * 5 + 5)
    return [f"{animal.capitalize()} {deed}. {then}." for animal, deed, then in picks]


def text(stories: int = 30) -> str:
    return "\n\n".join("\n".join(story(i)) for i in range(stories)) + "\n"


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Path:
    """A folder with text.txt and a vocabulary, tokenizer/."""
    from albert_np.text import AlbertTokenizer, train_tokenizer

    folder = tmp_path_factory.mktemp("workshop")
    (folder / "text.txt").write_text(text())
    (folder / "tokenizer").mkdir()
    train_tokenizer(text().splitlines(), folder / "tokenizer" / "spiece.model", 70)
    AlbertTokenizer(folder / "tokenizer" / "spiece.model").save_pretrained(folder / "tokenizer")
    return folder


@pytest.fixture(scope="session")
def tokenizer(workshop):
    return ab.AlbertTokenizer.from_pretrained(workshop / "tokenizer")


@pytest.fixture(scope="session")
def corpus(workshop, tokenizer):
    from albert_np.data.corpus import Corpus

    return Corpus.prepare([workshop / "text.txt"], tokenizer, workshop / "corpus", max_length=32)


@pytest.fixture(scope="session")
def config(tokenizer) -> ab.AlbertConfig:
    return ab.AlbertConfig(
        vocab_size=tokenizer.vocab_size, embedding_size=16, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=48, max_position_embeddings=32,
    )  # fmt: skip


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(
        steps=14, max_length=32, tokens_per_batch=256, held_out=0.1, log_every=3, eval_every=5, checkpoint_every=4, keep=2
    )


@pytest.fixture
def make(config, corpus):
    """(settings, changes of the config) -> a fresh model and its data."""

    def fresh(settings: Settings, **changes):
        other = config.replace(**changes)
        return ab.AlbertForPreTraining(other, seed=settings.seed), get_run_data(corpus, other, settings)

    return fresh
