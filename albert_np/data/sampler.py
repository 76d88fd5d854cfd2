"""The load-balanced sampler: every example once per epoch, nearly equal work in every step.

Examples differ in length. Batches of a fixed number of examples differ in tokens, a step takes as long as its tokens,
and several processes take as long as the slowest in each step. Here an epoch is shuffled and then distributed: the
longest examples first, each to the batch with the least work so far (the LPT rule, Graham 1969: "longest processing
time first"). The short ones, which come last, even out the differences. No batch has more tokens than the
budget, except one that holds a single longer example.

Examples are sorted by bands of nearly equal cost only; within a band the order is that of the shuffle. So batches are
composed anew in each epoch even if no two examples have the same length.
"""

import heapq
from typing import Any

import numpy as np

from albert_np.core.random import generator

BATCH_MODES = ("balanced", "random")
BANDS_PER_OCTAVE = 8  # the costs of examples in one band differ by at most 9 %


class BalancedSampler:
    """Batches of the examples 0 ... n - 1, a pure function of (arguments, epoch).

    costs             (n,) the work of each example, in any unit, for example tokens + c * tokens^2
    tokens            (n,) tokens of each example
    tokens_per_batch  no batch has more, except one with a single longer example (with `classes` such an example is an error)
    classes           (n,) integers: each class is spread evenly over the steps, so that their counts of it differ by at most 1
    seed              of the shuffles
    mode              "balanced", or "random": the usual practice, the same number of examples (give or take one) in each batch,
                      in random order. There are as many steps as the budget needs on average, a single batch may exceed it,
                      and `classes` is ignored

    ValueError for arrays of unequal length or settings out of range.
    """

    def __init__(
        self,
        costs: np.ndarray,
        tokens: np.ndarray,
        tokens_per_batch: int,
        seed: int,
        classes: np.ndarray | None = None,
        mode: str = "balanced",
    ) -> None:
        self.costs, self.tokens = np.asarray(costs, dtype=np.float64), np.asarray(tokens, dtype=np.int64)
        n = len(self.costs)
        if n == 0 or self.costs.shape != (n,) or self.tokens.shape != (n,):
            raise ValueError(f"costs {self.costs.shape} and tokens {self.tokens.shape} must be (n,) each with n >= 1")
        if self.tokens.min() < 1 or not self.costs.min() > 0:
            raise ValueError("every example must have at least one token and a positive cost")
        if tokens_per_batch < 1:
            raise ValueError(f"tokens_per_batch must be positive, not {tokens_per_batch}")
        if mode not in BATCH_MODES:
            raise ValueError(f"batches must be one of {', '.join(BATCH_MODES)}, not {mode!r}")
        if classes is not None and mode == "balanced":
            classes = np.asarray(classes)
            if classes.shape != (n,):
                raise ValueError(f"classes {classes.shape} must be ({n},)")
            if self.tokens.max() > tokens_per_batch:
                i = int(self.tokens.argmax())
                raise ValueError(f"example {i} has {self.tokens[i]} tokens, more than a batch of {tokens_per_batch}")
        self.tokens_per_batch, self.seed, self.classes, self.mode = tokens_per_batch, seed, classes, mode
        self._epoch, self._step = 0, 0
        self._cached: tuple[int, list[np.ndarray]] = (-1, [])  # (epoch, its batches)

    # -- an epoch --------------------------------------------------------------------------------------------------

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return the epoch's batches, int64 arrays of examples that together have each example exactly once."""
        if self._cached[0] != epoch:
            self._cached = (epoch, self._deal(epoch))
        return self._cached[1]

    def _deal(self, epoch: int) -> list[np.ndarray]:
        rng = generator(self.seed, "order", epoch)
        order = rng.permutation(len(self.costs))
        if self.mode == "random":
            size = max(1, round(self.tokens_per_batch / self.tokens.mean()))
            return np.array_split(order, -(-len(order) // size))
        alone = self.tokens[order] > self.tokens_per_batch
        singles, order = order[alone], order[~alone]
        order = order[np.argsort(-self._band(order), kind="stable")]  # the heaviest band first, within a band as shuffled
        assigned = self._deal_classes(order) if self.classes is not None else self._deal_all(order)
        batches = _group(order, assigned) + list(singles[:, None])
        return [batches[b] for b in rng.permutation(len(batches))]

    def _band(self, examples: np.ndarray) -> np.ndarray:
        return np.floor(np.log2(self.costs[examples]) * BANDS_PER_OCTAVE)

    def _min_batches(self, order: np.ndarray) -> int:
        """Return the smallest number of batches that could hold the tokens.

        As few as possible, because a batch is a whole number of examples: if they are all of one length and the budget allows
        8, a mean of 7.5 means batches of 7 and of 8.
        """
        return int(-(-self.tokens[order].sum() // self.tokens_per_batch))

    def _deal_all(self, order: np.ndarray) -> list[int]:
        """Return the batch of each example.

        If the batch with the least work has no room for an example, another batch is opened, and afterwards everything is
        dealt again to that many batches: so no batch is left nearly empty.
        """
        K = self._min_batches(order)
        costs, tokens = self.costs[order].tolist(), self.tokens[order].tolist()
        while True:
            lightest = [(0.0, b) for b in range(K)]  # a heap
            room = [self.tokens_per_batch] * K
            assigned = []
            for cost, size in zip(costs, tokens):
                load, b = lightest[0]
                if size <= room[b]:
                    heapq.heapreplace(lightest, (load + cost, b))
                else:
                    load, b = 0.0, len(room)
                    room.append(self.tokens_per_batch)
                    heapq.heappush(lightest, (cost, b))
                room[b] -= size
                assigned.append(b)
            if len(room) == K:
                return assigned
            K = len(room)

    def _deal_classes(self, order: np.ndarray) -> np.ndarray:
        """Return the batch of each example.

        A class is dealt in rounds. In each round every batch gets one example, and the batch with the least work gets the
        heaviest; in the last round of a class only the lightest batches get one.
        """
        assert self.classes is not None
        positions = [np.flatnonzero(self.classes[order] == c) for c in np.unique(self.classes[order])]
        K = self._min_batches(order)
        while True:
            rounds = [rows[i : i + K] for rows in positions for i in range(0, len(rows), K)]
            rounds.sort(key=lambda rows: -self.costs[order[rows]].mean())
            loads, filled = np.zeros(K), np.zeros(K, dtype=np.int64)
            assigned = np.zeros(len(order), dtype=np.intp)
            for rows in rounds:
                rows = rows[np.argsort(-self.costs[order[rows]], kind="stable")]
                lightest = np.argsort(loads, kind="stable")[: len(rows)]
                loads[lightest] += self.costs[order[rows]]
                filled[lightest] += self.tokens[order[rows]]
                assigned[rows] = lightest
            if K == 0 or filled.max() <= self.tokens_per_batch:
                return assigned
            K = min(len(order), K + max(1, int(K * (filled.max() / self.tokens_per_batch - 1) / 2)))

    # -- a cursor --------------------------------------------------------------------------------------------------

    def next(self) -> np.ndarray:
        """Return the next batch; the last one of an epoch is followed by the first one of the next epoch."""
        if self._step >= len(self.batches(self._epoch)):
            self._epoch, self._step = self._epoch + 1, 0
        self._step += 1
        return self.batches(self._epoch)[self._step - 1]

    def state(self) -> dict[str, int]:
        """Return the state to save: the next batch is batch `step` of `epoch`."""
        return {"seed": self.seed, "epoch": self._epoch, "step": self._step}

    def restore(self, state: dict[str, int]) -> None:
        """Continue from a saved state. ValueError if it has another seed or does not exist."""
        if state["seed"] != self.seed:
            raise ValueError(f"the saved sampler had the seed {state['seed']}, this one has {self.seed}")
        if state["epoch"] < 0 or not 0 <= state["step"] <= len(self.batches(state["epoch"])):
            raise ValueError(f"there is no step {state['step']} in epoch {state['epoch']}")
        self._epoch, self._step = state["epoch"], state["step"]

    # -- a report --------------------------------------------------------------------------------------------------

    def report(self, epoch: int = 0) -> dict[str, Any]:
        """Return figures of an epoch: coverage, balance (heaviest step / mean step, 1 is perfect), and the share of padding
        that padded batches would have."""
        batches = self.batches(epoch)
        counts = np.bincount(np.concatenate(batches).astype(np.intp), minlength=len(self.costs))
        tokens = np.array([self.tokens[b].sum() for b in batches])
        costs = np.array([self.costs[b].sum() for b in batches])
        padded = sum(len(b) * int(self.tokens[b].max()) for b in batches)
        return {
            "mode": self.mode,
            "examples": len(self.costs),
            "steps": len(batches),
            "each_exactly_once": bool((counts == 1).all()),
            "tokens": int(tokens.sum()),
            "tokens_per_batch": self.tokens_per_batch,
            "heaviest_tokens": int(tokens.max()),
            "lightest_tokens": int(tokens.min()),
            "heaviest_over_mean_tokens": float(tokens.max() / tokens.mean()),
            "heaviest_over_mean_cost": float(costs.max() / costs.mean()),
            "padding_saved": 1 - int(tokens.sum()) / padded,
        }


def split_batch(batch: np.ndarray, costs: np.ndarray, k: int) -> list[np.ndarray]:
    """Divide a batch into k parts of nearly equal cost (LPT again): micro-batches, or the shares of k processes.

    batch (B,) examples; costs (n,) of all examples. A pure function of its arguments. The parts keep the order of the batch; if
    there are fewer examples than parts, some parts are empty. ValueError for k < 1.
    """
    if k < 1:
        raise ValueError(f"a batch can be divided into 1 or more parts, not {k}")
    loads = [(0.0, 0, part) for part in range(k)]  # (cost, examples, part): a heap
    assigned = np.zeros(len(batch), dtype=np.intp)
    cost = np.asarray(costs)[batch]
    for i in np.argsort(-cost, kind="stable").tolist():
        load, count, part = loads[0]
        heapq.heapreplace(loads, (load + float(cost[i]), count + 1, part))
        assigned[i] = part
    return [batch[assigned == part] for part in range(k)]


def take_share(batch: np.ndarray, costs: np.ndarray, rank: int, size: int, turn: int | None = None) -> np.ndarray:
    """Return the examples of a global batch that process `rank` of `size` computes. All shares together are the batch.

    Shares cannot always be equal: four processes divide 33 rows of one length into 9, 8, 8 and 8. Which process takes the larger
    one depends on the batch, or on `turn`, so that it differs from step to step. A pure function of its arguments.
    """
    return split_batch(batch, costs, size)[(rank + (int(batch.sum()) if turn is None else turn)) % size]


def _group(examples: np.ndarray, assigned: np.ndarray | list[int]) -> list[np.ndarray]:
    """Return the examples of group 0, of group 1, ..., each in the given order. No group may be empty."""
    assigned = np.asarray(assigned, dtype=np.intp)
    by_group = np.argsort(assigned, kind="stable")
    return np.split(examples[by_group], np.cumsum(np.bincount(assigned))[:-1]) if len(examples) else []
