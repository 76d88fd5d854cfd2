"""The plainest training loop: every step visible. Run it on any text, whose bytes are its tokens:

    python -m albert_np.core.train some.txt

The trainer of `albert_np.training` does the same on subwords, with evaluation and checkpoints; a test holds their losses equal.
"""

import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from albert_np.core import optim
from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.model.albert import Results, pretraining, pretraining_backward
from albert_np.core.model.shapes import body, initialise, pretraining_heads
from albert_np.core.params import Tree
from albert_np.core.random import RandomKey, generator

CLS, SEP, MASK, BYTES = 1, 2, 3, 4  # ids: the byte b has the id BYTES + b, and 0 is the padding token, which packing never needs


def batches(text: bytes, B: int = 16, T: int = 63, seed: int = 0) -> Iterator[Batch]:
    """Endless batches of B pairs [CLS] a [SEP] b [SEP] of T tokens, T odd: a and b follow each other or are swapped."""
    ids = np.frombuffer(text, np.uint8).astype(np.intp) + BYTES
    half = (T - 3) // 2  # tokens of a, and of b
    if T % 2 == 0 or len(ids) < 2 * half:
        raise ValueError(f"expected an odd T and at least {2 * half} bytes of text, got T = {T} and {len(ids)} bytes")
    cls, sep = np.full((B, 1), CLS), np.full((B, 1), SEP)
    types = np.repeat([0, 1], [half + 2, half + 1])  # (T,)
    for step in itertools.count():
        rng = generator(seed, "core.train batch", step)
        at = rng.integers(len(ids) - 2 * half + 1, size=B)[:, None] + np.arange(2 * half)  # (B, 2 half)
        swapped = rng.integers(2, size=B)  # the sentence-order labels
        order = np.where(swapped[:, None], np.roll(at, half, axis=1), at)  # (B, 2 half): the later half first where swapped
        a, b = np.split(ids[order], 2, axis=1)  # (B, half) each
        labels = np.concatenate([cls, a, sep, b, sep], axis=1).reshape(-1)  # (N,)
        masked = np.flatnonzero((rng.random(labels.size) < 0.15) & (labels >= BYTES))  # (M,)
        # of the masked tokens 80 % become [MASK], 10 % another byte, and 10 % stay (Devlin et al. 2018)
        drawn, other = rng.random(masked.size), rng.integers(BYTES, BYTES + 256, size=masked.size)
        inputs = labels.copy()
        inputs[masked] = np.where(drawn < 0.8, MASK, np.where(drawn < 0.9, other, labels[masked]))
        yield Batch.pack(
            inputs, np.full(B, len(types)), np.tile(types, B), np.tile(np.arange(len(types)), B),
            examples=step * B + np.arange(B), masked_rows=masked, masked_labels=labels[masked], order_labels=swapped,
        )  # fmt: skip


def train(
    params: Tree, config: Config, batches: Iterable[Batch], steps: int, lr: float = 1e-3, warmup: int = 0,
    optimizer: str = "adamw", clip_norm: float = 1.0, seed: int = 0,
) -> Iterator[tuple[int, Results]]:  # fmt: skip
    """Train params in place; yields the number of steps made and the losses of the last. lr: the peak, see optim/schedule.py."""
    state, grads = optim.init(optimizer, params), params.zeros_like()
    for step, batch in enumerate(itertools.islice(batches, steps)):
        key = RandomKey(seed, step)  # of the dropout masks
        results, cache = pretraining(batch, params, config, dropout_key=key)  # forward
        grads.flat[...] = 0
        pretraining_backward(1.0, cache, params, grads, config, batch)  # backward: adds to grads
        optim.clip(grads, clip_norm)
        optim.step(params, grads, state, optim.learning_rate(step, lr, warmup, steps))  # update
        yield step + 1, results


def main(path: str, steps: int = 3000) -> None:
    """Train a small ALBERT on the bytes of a file and print its losses. Guessing has the losses ln 256 = 5.55 and ln 2 = 0.69."""
    config = Config(
        vocab_size=BYTES + 256, embedding_size=64, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=256, max_position_embeddings=31, initializer_range=0.1,
    )  # fmt: skip
    params = initialise(body(config) | pretraining_heads(config), config, seed=0)
    print(f"{params.count():,} parameters")
    for step, losses in train(params, config, batches(Path(path).read_bytes(), T=31), steps, lr=1.5e-3, warmup=steps // 20):
        if step == 1 or step % 100 == 0:
            print(f"step {step:4}   masked bytes {losses.mlm_loss:.3f}   sentence order {losses.sop_loss:.3f}")


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) == 2 else sys.exit("usage: python -m albert_np.core.train TEXT_FILE")
