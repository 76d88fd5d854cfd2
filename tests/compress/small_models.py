"""A small model whose numbers are all of some size, and batches for it."""

import numpy as np

import albert_np as ab

SIZES = dict(
    vocab_size=97, embedding_size=16, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=24, num_labels=3,
)  # fmt: skip


def shaken(model):
    """Nothing is small any more: what is lost shows."""
    for name, array in model.params.items():
        array += 0.1 * np.random.default_rng(sum(map(ord, name))).standard_normal(array.shape).astype(array.dtype)
    return model


def batch_of(config, seed=0, lengths=(7, 4, 9, 5)):
    rng = np.random.default_rng(seed)
    N = sum(lengths)
    arrays = dict(
        ids=rng.integers(5, config.vocab_size, N), lengths=np.array(lengths), token_types=np.zeros(N, np.int64),
        positions=np.concatenate([np.arange(n) for n in lengths]),
        labels=[(np.arange(len(lengths)), rng.integers(config.num_labels, size=len(lengths)))],
    )  # fmt: skip
    return ab.AlbertForSequenceClassification.objective.pack(arrays, np.empty(0))
