"""The matrix products of a case, alone: the time that nothing but a better BLAS could take away.

The list is made from the config and the lengths of the sequences. The products are run as the model runs them, on the same
threads: its parts side by side, each with one BLAS thread.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from albert_np.engine import threads
from albert_np.engine.shards import number_of_shards, split_points


class Product(NamedTuple):
    """`stack` products (m, k) @ (k, n); turned: which operand comes transposed, "", "a" or "b"."""

    m: int
    k: int
    n: int
    turned: str = ""
    stack: int = 1

    @property
    def flops(self) -> int:
        return 2 * self.m * self.k * self.n * self.stack


def linear(N: int, I: int, O: int, training: bool) -> Iterator[Product]:
    """y = x w; dx = dy wᵀ; dw = xᵀ dy"""
    yield Product(N, I, O)
    if training:
        yield Product(N, O, I, "b")
        yield Product(I, N, O, "a")


def attention(T: int, A: int, D: int, training: bool) -> Iterator[Product]:
    """Of one sequence: q kᵀ, p v; dv = pᵀ dc, dp = dc vᵀ, dq = ds k, dk = dsᵀ q"""
    yield Product(T, D, T, "b", A)
    yield Product(T, T, D, "", A)
    if training:
        yield Product(T, T, D, "a", A)
        yield Product(T, D, T, "b", A)
        yield Product(T, T, D, "", A)
        yield Product(T, T, D, "a", A)


def of_batch(config: Any, lengths: list[int], masked: int, task: str, training: bool) -> "Counter[Product]":
    """Every product of a batch with sequences of these lengths -> how many times."""
    E, H, F, A = config.embedding_size, config.hidden_size, config.intermediate_size, config.num_attention_heads
    N, B, found = sum(lengths), len(lengths), Counter[Product]()
    blocks = config.num_hidden_layers * config.inner_group_num
    for I, O, times in ((E, H, 1), (H, H, 4 * blocks), (H, F, blocks - 1), (F, H, blocks - 1)):
        for product in linear(N, I, O, training):
            found[product] += times
    read = masked + B if training else N  # of the last block, in training, a step computes what the heads read
    found.update([*linear(read, H, F, training), *linear(read, F, H, training)])
    for T in lengths:
        for product in attention(T, A, H // A, training):
            found[product] += blocks
    found.update([*linear(B, H, H, training), *linear(B, H, 2, training)])  # pooler, classes
    if task == "pretraining" and masked:
        found.update(linear(masked, H, E, training))
        found.update([Product(masked, E, config.vocab_size, "b")])  # the decoder is the word table
        if training:
            found.update([Product(masked, config.vocab_size, E), Product(config.vocab_size, masked, E, "a")])
    return found


def flops(products: "Counter[Product]") -> int:
    return sum(product.flops * times for product, times in products.items())


def of_case(case: Any, config: Any, batches: list[Any]) -> Callable[[], Any]:
    """-> something that runs the products of all of a case's batches; its first call makes their operands and warms up"""
    plans: list[Any] = []

    def run() -> None:
        for parts in plans:
            for _ in range(case.calls):
                threads.run(execute, parts)

    def first_or_later() -> None:
        if not plans:
            plans.extend(plan(case, config, batch) for batch in batches)
            run()
        run()

    return first_or_later


def plan(case: Any, config: Any, batch: Any) -> list[Any]:
    """For each part of a batch its products with their operands."""
    lengths = batch["mask"].sum(1)
    like = np.zeros(config.hidden_size, np.float32)
    masks = batch["targets"] != -100 if "targets" in batch else np.zeros_like(batch["mask"], bool)
    parts = [
        of_batch(config, lengths[first:last].tolist(), int(masks[first:last].sum()), case.task, case.mode != "call")
        for first, last in split_points(lengths, number_of_shards(lengths, like))
    ]
    return [[(times, *operands(product)) for product, times in part.items()] for part in parts]


def operands(product: Product) -> tuple[Any, Any, Any]:
    """a, b and where their product goes, filled with numbers."""
    m, k, n, turned, stack = product
    lead = () if stack == 1 else (stack,)
    a = np.full(lead + ((k, m) if turned == "a" else (m, k)), 0.01, np.float32)
    b = np.full(lead + ((n, k) if turned == "b" else (k, n)), 0.01, np.float32)
    a = a.swapaxes(-1, -2) if turned == "a" else a
    b = b.swapaxes(-1, -2) if turned == "b" else b
    return a, b, np.empty((*lead, m, n), np.float32)


def execute(part: Any) -> None:
    for times, a, b, out in part:
        for _ in range(times):
            np.matmul(a, b, out=out)


def peak_gflops(size: int = 2048, repeats: int = 5) -> float:
    """The best rate of a large square product on all threads, 10⁹ operations a second."""
    import time

    a, b, out = (np.full((size, size), 0.01, np.float32) for _ in range(3))
    best = float("inf")
    for _ in range(repeats + 2):
        started = time.perf_counter()
        np.matmul(a, b, out=out)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9
