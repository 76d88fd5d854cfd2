"""A tiny ALBERT on Python's documentation, which several benchmarks train: four layers of 128, rows of 64 tokens."""

from pathlib import Path
from typing import Any

from albert_np.apps.cli.tokenizer import train_and_save
from albert_np.apps.demo import write_corpus
from albert_np.models.config import AlbertConfig
from albert_np.training import Settings, prepare_data

VOCAB_SIZE = 4000
CONFIG: dict[str, Any] = dict(
    embedding_size=128, hidden_size=128, num_hidden_layers=4, num_attention_heads=2, intermediate_size=512,
    max_position_embeddings=128, initializer_range=0.05,
)  # fmt: skip
SETTINGS: dict[str, Any] = dict(
    optimizer="adamw", learning_rate=1.6e-3, bias_correction=True, tokens_per_batch=2048, max_length=64, held_out=0.05
)


def config_of(tokenizer: Any) -> AlbertConfig:
    return AlbertConfig(vocab_size=len(tokenizer), **CONFIG)


def prepared(folder: Path) -> tuple[Any, Any]:
    """The text, its vocabulary and the tokenised corpus, left in a folder -> the tokenizer, the `RunData`"""
    folder.mkdir(parents=True, exist_ok=True)
    text = write_corpus(folder / "corpus.txt")
    tokenizer = train_and_save([text], folder, VOCAB_SIZE)
    return tokenizer, prepare_data([text], folder / "corpus", config_of(tokenizer), Settings(**SETTINGS), tokenizer)
