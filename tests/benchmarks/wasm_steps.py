"""Processor seconds of a training step with the products of NumPy and of SciPy, by turns; started by wasm.py, in Pyodide too."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from albert_np.core import optim
from albert_np.core.model.albert import pretraining, pretraining_backward
from albert_np.core.random import RandomKey, generator
from albert_np.core.train import Batch
from albert_np.engine import blas
from albert_np.models import AlbertConfig, AlbertForPreTraining

MODELS = {  # name: config, tokens of a step, tokens of a sequence, steps in a round
    "the demonstration's": (
        dict(vocab_size=4000, embedding_size=64, hidden_size=128, num_hidden_layers=3, num_attention_heads=4,
             intermediate_size=512), 2048, 40, 1,
    ),
    "a smaller one": (
        dict(vocab_size=4000, embedding_size=32, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
             intermediate_size=256), 768, 32, 4,
    ),
}  # fmt: skip


def processor_seconds() -> float:
    """Return the processor time of this process; in Pyodide that of Node, as Python's own clock stands still there."""
    if sys.platform != "emscripten":
        return time.process_time()
    import js

    usage = js.process.cpuUsage()
    return (usage.user + usage.system) / 1e6


def make_step(sizes: dict[str, Any], tokens: int, T: int) -> Callable[[], float]:
    """Return a training step of a new model on one batch: forward, backward, clipping and update. It returns the loss."""
    config = AlbertConfig(**sizes, max_position_embeddings=T)
    model = AlbertForPreTraining(config, seed=0)
    B, rng = tokens // T, generator(0, "steps")
    N = B * T
    ids = rng.integers(5, config.vocab_size, size=N).astype(np.intp)
    masked = np.sort(rng.permutation(N)[: N * 15 // 100])
    batch = Batch.pack(
        ids, np.full(B, T), np.tile(np.arange(T) >= T // 2, B).astype(np.intp), np.tile(np.arange(T), B), examples=np.arange(B),
        masked_rows=masked, masked_labels=ids[masked], order_labels=np.arange(B) % 2,
    )  # fmt: skip
    params, grads = model.params, model.params.zeros_like()
    state = optim.init("adamw", params)

    def step() -> float:
        results, cache = pretraining(batch, params, config, dropout_key=RandomKey(0, 1))
        grads.flat[...] = 0
        pretraining_backward(1.0, cache, params, grads, config, batch)
        optim.clip(grads, 1.0)
        optim.step(params, grads, state, 1e-3)
        return float(results.loss)

    return step


def measure(rounds: int) -> dict[str, Any]:
    """Return {model: {library: seconds of a step in each round}}; a first round is not counted."""
    seconds: dict[str, Any] = {}
    for name, (sizes, tokens, T, steps) in MODELS.items():
        runs = {library: make_step(sizes, tokens, T) for library in ("numpy", "scipy")}
        seconds[name] = {library: [] for library in runs}
        for number in range(rounds + 1):
            for library, step in runs.items():
                with blas.products_by(library):
                    start = processor_seconds()
                    for _ in range(steps):
                        step()
                    if number:
                        seconds[name][library].append((processor_seconds() - start) / steps)
    return seconds


def main(rounds: int) -> None:
    import scipy

    versions = f"{sys.platform}, Python {sys.version.split()[0]}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    print(json.dumps({"versions": versions, "seconds": measure(rounds)}))


main(int((arguments if sys.platform == "emscripten" else sys.argv[1:])[0]))  # type: ignore[name-defined]  # noqa: F821
