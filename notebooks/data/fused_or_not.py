"""Train small ALBERTs with and without fusion, in pairs that differ in nothing else, and store their held-out losses.

    python notebooks/data/fused_or_not.py        # on one core; writes fused_or_not.json beside this file

The text is the docstrings of NumPy, in words, as in albert_np/one_page.py. Runs with the same seed have the same held-out
lines, batches and masks, and the same first values of every parameter that both have. So their losses are compared seed by
seed. Notebook 09 shows the result. What is stored already is not trained again.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import albert_np as ab
from albert_np import one_page
from albert_np.core import optim
from albert_np.core.random import generator
from albert_np.models.batch import TaskBatch

STORE = Path(__file__).with_suffix(".json")
SEEDS, STEPS, EVERY = range(5), 800, 100  # a loss is stored after every EVERY steps
RATE, PAIRS, TEST_PAIRS = (
    0.004,
    32,
    256,
)  # peak of LAMB's rate; pairs of lines in a batch, and held out
SIZES: dict[str, Any] = dict(
    vocab_size=one_page.V, embedding_size=32, hidden_size=64, num_hidden_layers=4, num_attention_heads=4,
    intermediate_size=256, max_position_embeddings=2 * one_page.S + 3, initializer_range=0.09,
)  # fmt: skip
# a fusion has 2 H² + H parameters, and H more columns of the feed-forward network have as many: 2 H + 1 each
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "levels 2 and 4 fused": {"fusion_layers": (2, 4)},
    "wider feed-forward": {"intermediate_size": 256 + 64},
    "two layers": {"num_hidden_layers": 2},  # the lower level alone, with nothing above it
}


def read_lines() -> list[list[int]]:
    """Return the docstrings of NumPy as lines of at most S ids; the commonest words have ids, all others are UNK."""
    text = "\n".join(each.__doc__ or "" for each in vars(np).values()).lower()
    words = [re.findall(r"[^\W\d_]+|\S", line) for line in text.splitlines()]
    S = one_page.S
    lines = [line[i : i + S] for line in words for i in range(0, len(line), S)]
    commonest = Counter(word for line in lines for word in line).most_common(
        one_page.V - one_page.WORDS
    )
    ids = {word: one_page.WORDS + i for i, (word, _) in enumerate(commonest)}
    return [[ids.get(word, one_page.UNK) for word in line] for line in lines]


def make_batch(lines: list[list[int]], rng: np.random.Generator, B: int) -> TaskBatch:
    """Return B pairs of adjacent lines, with 15 % of the words to be guessed."""
    page = one_page.make_batch(lines, rng, B)
    lengths = np.array([len(rows) for rows in page.sequences])
    return TaskBatch.pack(
        page.ids,
        lengths,
        page.token_types,
        page.positions,
        masked_rows=page.masked_rows,
        masked_labels=page.masked_labels,
    )


def train(lines: list[list[int]], changes: dict[str, Any], seed: int) -> list[float]:
    """Train one model, and return its held-out loss at every EVERY steps."""
    cut = len(lines) * 19 // 20  # the last twentieth is held out
    held_out = make_batch(lines[cut:], generator(seed, "held out"), TEST_PAIRS)
    model = ab.AlbertForMaskedLM(ab.AlbertConfig(**SIZES | changes), seed=seed)
    counts = np.bincount(np.concatenate(lines[:cut]), minlength=one_page.V)
    model.params.mlm.b[...] = np.log1p(counts)  # begin with the frequencies of the words
    state, grads, losses = optim.init("lamb", model.params), model.params.zeros_like(), []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            losses.append(round(float(model.packed_loss_and_gradients(held_out)[0].loss), 4))
        batch = make_batch(lines[:cut], generator(seed, "batch", step), PAIRS)
        grads.flat[...] = 0
        model.packed_loss_and_gradients(batch, grads=grads)
        optim.clip(grads, 1.0)
        optim.step(model.params, grads, state, optim.learning_rate(step, RATE, STEPS // 10, STEPS))
    return losses


def main() -> None:
    """Train every variant with every seed."""
    stored = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    lines = read_lines()
    for seed in SEEDS:
        for name, changes in VARIANTS.items():
            losses = stored.setdefault(name, {})
            if str(seed) not in losses:
                losses[str(seed)] = train(lines, changes, seed)
                print(f"seed {seed}, {name}: {losses[str(seed)][-1]}", flush=True)
                STORE.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
