"""A step's parts on several threads, one part a thread.

NumPy lets go of Python's lock while it computes, so threads work side by side. Each part's gradient goes into a tree of the
thread's own, computed by one BLAS thread, and the trees are added in the order of the parts: the result does not depend on
which thread was first. For small models this is quicker than many BLAS threads on one small product after the other.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from albert_np.model.batch import Batch
from albert_np.params import Tree
from albert_np.randomness import Dropout


class Workers:
    """k threads, each with a gradient tree. `with blas_threads(1):` around their use is the caller's."""

    def __init__(self, model: Any, k: int) -> None:
        self.model = model
        self.trees: list[Tree] = [model.params.zeros_like() for _ in range(k)]
        self.pool = ThreadPoolExecutor(k) if k > 1 else None

    def gradients(
        self, parts: list[dict[str, Any]], denominators: dict[str, float], rng: Dropout | None
    ) -> tuple[list[Any], Tree]:
        """The results of each part, in order, and the sum of their gradients (a tree that the next call overwrites).

        parts: host arrays of micro-batches; part i is computed by worker i mod k.
        """
        k = len(self.trees)

        def work(i: int) -> list[Any]:
            tree = self.trees[i]
            tree.flat[...] = 0
            mine = [Batch.pack(**arrays, like=tree.flat) for arrays in parts[i::k]]
            return [self.model.packed_loss_and_gradients(batch, tree, denominators, rng)[0] for batch in mine]

        by_worker = list(self.pool.map(work, range(k)) if self.pool else map(work, range(k)))
        total = self.trees[0]
        for tree in self.trees[1:]:
            total.flat += tree.flat
        return [by_worker[i % k][i // k] for i in range(len(parts))], total

    def close(self) -> None:
        if self.pool:
            self.pool.shutdown()


@contextmanager
def blas_threads(workers: int) -> Iterator[None]:
    """One BLAS thread for each of several workers, while they work; with a single worker the user's setting stays."""
    if workers == 1:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
