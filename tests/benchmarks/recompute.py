"""What `recompute` costs and saves: training steps of ALBERT-base without it, with it, and with whole layers computed again.

    python tests/benchmarks/recompute.py [--shape 8x128] [--dropout 0.1] [--rounds 5]
    python tests/benchmarks/recompute.py --table            # prints results/recompute.json again

The three take turns within one process with one thread; a ratio is that of two steps of one round. The first round warms up and
is not counted. Seconds are those of the processor, so other work on the machine matters little. Whole layers are computed again
by the encoder of albert_np/core, in which the kernels run. Memory is the most that arrays take at once during a step
(tracemalloc), without parameters and moments.
"""

import argparse
import inspect
import json
import os
import statistics
import time
import tracemalloc
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

for name in ("OPENBLAS", "MKL", "OMP"):  # before NumPy is imported
    os.environ[f"{name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
from cases import BASE, SMALL  # noqa: E402

import albert_np as ab  # noqa: E402
from albert_np.core import override  # noqa: E402
from albert_np.core.model.encoder import encoder, encoder_backward  # noqa: E402
from albert_np.engine.threads import describe_blas  # noqa: E402

STORED = Path(__file__).parent / "results" / "recompute.json"
WAYS = {"plain": "nothing again", "layers": "whole layers again", "recompute": "`recompute`"}


def way(name: str) -> AbstractContextManager[None]:
    """Within it the encoder is that of this way."""
    if name == "layers":
        return override(encoder, inspect.unwrap(encoder), inspect.unwrap(encoder_backward))
    return nullcontext()


class Steps:
    """Steps of pretraining, all on one batch."""

    def __init__(self, B: int, T: int, rate: float, quick: bool) -> None:
        sizes = {key: value for key, value in (SMALL if quick else BASE).items() if key != "preset"}
        config = ab.AlbertConfig.preset("base", **{**sizes, "hidden_dropout_prob": rate, "attention_probs_dropout_prob": rate})
        self.key = ab.Dropout(0) if rate else None
        self.models = {name: ab.AlbertForPreTraining(config.replace(recompute=name != "plain"), seed=1) for name in WAYS}
        model = self.models["plain"]
        self.grads, self.state = model.params.zeros_like(), ab.optim.init("adamw", model.params)
        rng = np.random.default_rng(0)
        ids = rng.integers(5, config.vocab_size, B * T)
        masked = np.sort(rng.choice(B * T, B * max(1, round(0.15 * T)), replace=False))
        self.batch = model.pack_batch(
            ids=ids, lengths=np.full(B, T), token_types=np.zeros(B * T, int), positions=np.tile(np.arange(T), B),
            masked_rows=masked, masked_labels=ids[masked], order_labels=np.arange(B) % 2,
        )  # fmt: skip

    def gradients(self, name: str) -> None:
        self.grads.flat[...] = 0
        with way(name):
            self.models[name].packed_loss_and_gradients(self.batch, self.grads, dropout_key=self.key)

    def seconds(self, name: str) -> float:
        """Of the processor, for gradients and AdamW."""
        started = time.process_time()
        self.gradients(name)
        ab.optim.step(self.models[name].params, self.grads, self.state, 0.0)
        return time.process_time() - started

    def memory(self, name: str) -> int:
        """Bytes."""
        tracemalloc.start()
        self.gradients(name)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak


def measure(B: int, T: int, rate: float, rounds: int, quick: bool) -> dict[str, Any]:
    steps = Steps(B, T, rate, quick)
    flats = []
    for name in WAYS:  # which warms up, too
        steps.gradients(name)
        flats.append(steps.grads.flat.tobytes())
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(1 + rounds):
        for name in WAYS:
            seconds[name].append(steps.seconds(name))
    memory = {name: steps.memory(name) for name in WAYS}
    return {"same_bits": len(set(flats)) == 1, "seconds": seconds, "memory": memory}


def print_table(results: dict[str, Any]) -> None:
    print("| BLAS | batch | dropout | " + " | ".join(WAYS.values()) + " | the same bits |")
    print("|---|---|---:|---:|---:|---:|---|")
    for case, found in sorted(results.items()):
        cells = []
        for name in WAYS:
            counted, plain = found["seconds"][name][1:], found["seconds"]["plain"][1:]
            ratio, seconds = statistics.median(a / b for a, b in zip(counted, plain)), statistics.median(counted)
            cells.append(f"{seconds:.2f} s (**{ratio:.2f}**), {found['memory'][name] / 1e6:.0f} MB")
        blas, shape, rate = case.split(", ")
        print(
            f"| {blas} | {shape.replace('x', ' × ')} | {rate} | "
            + " | ".join(cells)
            + f" | {'yes' if found['same_bits'] else 'no'} |"
        )


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="8x128", help="sequences x tokens [8x128]")
    parser.add_argument("--dropout", type=float, default=0.0, help="[0]")
    parser.add_argument("--rounds", type=int, default=5, help="[5]")
    parser.add_argument("--quick", action="store_true", help="a tiny model in the place of base: to try the program itself")
    parser.add_argument("--out", type=Path, default=STORED, help="what it holds of other cases is kept [results/recompute.json]")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args(given)
    results = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    if not options.table:
        B, T = (int(number) for number in options.shape.split("x"))
        case = f"{describe_blas()}, {options.shape}, {options.dropout:g}"
        results[case] = measure(B, T, options.dropout, options.rounds, options.quick)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print_table(results)


if __name__ == "__main__":
    main()
