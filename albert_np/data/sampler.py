"""The load-balanced sampler: every example once an epoch, every step nearly equal work.

Examples differ in length. Batches of a fixed number of them differ in tokens, and the step takes as long as its
tokens, the run of several processes as long as the slowest of each step. Here an epoch is shuffled, and then dealt
out: the longest examples first, each to the batch with the least work so far (the LPT rule, Graham 1969: "longest
processing time first"). The short ones that come last even out what is left. No batch exceeds the budget of tokens.

Only bands of nearly equal cost are dealt one after the other; within a band the order is the shuffle's. So batches are
composed anew each epoch even if no two examples have the same length.
"""

import heapq
from typing import Any

import numpy as np

from albert_np.core.random import generator

MODES = ("balanced", "random")
BANDS_AN_OCTAVE = 8  # examples of one band differ in cost by at most 9 %


class BalancedSampler:
    """Batches of the examples 0 ... n - 1, the same for the same (arguments, epoch).

    costs             (n,) the work of each example, in any unit: its tokens + c * tokens^2, say
    tokens            (n,) its tokens
    tokens_per_batch  no batch has more, unless it is a single example that has
    classes           (n,) integers: each class is spread evenly over the steps: their counts of it differ by at most 1
    mode              "balanced", or "random": the ordinary practice, a fixed number of examples (up to 1) in random
                      order, as many steps as the budget asks for on average; classes and budget are not looked at
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
        if mode not in MODES:
            raise ValueError(f"batches must be one of {', '.join(MODES)}, not {mode!r}")
        if classes is not None and mode == "balanced":
            classes = np.asarray(classes)
            if classes.shape != (n,):
                raise ValueError(f"classes {classes.shape} must be ({n},)")
            if self.tokens.max() > tokens_per_batch:
                i = int(self.tokens.argmax())
                raise ValueError(f"example {i} has {self.tokens[i]} tokens, more than a batch of {tokens_per_batch}")
        self.tokens_per_batch, self.seed, self.classes, self.mode = tokens_per_batch, seed, classes, mode
        self._epoch, self._step = 0, 0
        self._dealt: tuple[int, list[np.ndarray]] = (-1, [])

    # -- an epoch --------------------------------------------------------------------------------------------------

    def batches(self, epoch: int) -> list[np.ndarray]:
        """The epoch's batches, each an int64 array of examples; together each example exactly once."""
        if self._dealt[0] != epoch:
            self._dealt = (epoch, self._deal(epoch))
        return self._dealt[1]

    def _deal(self, epoch: int) -> list[np.ndarray]:
        rng = generator(self.seed, "order", epoch)
        order = rng.permutation(len(self.costs))
        if self.mode == "random":
            size = max(1, round(self.tokens_per_batch / self.tokens.mean()))
            return np.array_split(order, -(-len(order) // size))
        alone = self.tokens[order] > self.tokens_per_batch
        singles, order = order[alone], order[~alone]
        order = order[np.argsort(-self._band(order), kind="stable")]  # the heaviest first, else as shuffled
        assigned = self._deal_classes(order) if self.classes is not None else self._deal_all(order)
        batches = _grouped(order, assigned) + list(singles[:, None])
        return [batches[b] for b in rng.permutation(len(batches))]

    def _band(self, examples: np.ndarray) -> np.ndarray:
        return np.floor(np.log2(self.costs[examples]) * BANDS_AN_OCTAVE)

    def _fewest(self, order: np.ndarray) -> int:
        """The least number of batches that could hold the tokens. As few as can be, because a batch is a whole number of
        examples: if they are all of one length, and the budget would hold 8, a mean of 7.5 means batches of 7 and of 8."""
        return int(-(-self.tokens[order].sum() // self.tokens_per_batch))

    def _deal_all(self, order: np.ndarray) -> list[int]:
        """The batch of each example. If one finds no room in the batch with the least work, another batch is opened,
        and in the end everything is dealt again to that many batches: no batch is left nearly empty."""
        K = self._fewest(order)
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
        """The batch of each example: a class is dealt in rounds, in which every batch gets one of it, the heaviest the
        batch with the least work; in its last round the lightest batches get one."""
        assert self.classes is not None
        positions = [np.flatnonzero(self.classes[order] == c) for c in np.unique(self.classes[order])]
        K = self._fewest(order)
        while True:
            rounds = [rows[i : i + K] for rows in positions for i in range(0, len(rows), K)]
            rounds.sort(key=lambda rows: -self.costs[order[rows]].mean())
            loads, filled = np.zeros(K), np.zeros(K, dtype=np.int64)
            assigned = np.zeros(len(order), dtype=np.int64)
            for rows in rounds:
                rows = rows[np.argsort(-self.costs[order[rows]], kind="stable")]
                to = np.argsort(loads, kind="stable")[: len(rows)]
                loads[to] += self.costs[order[rows]]
                filled[to] += self.tokens[order[rows]]
                assigned[rows] = to
            if K == 0 or filled.max() <= self.tokens_per_batch:
                return assigned
            K = min(len(order), K + max(1, int(K * (filled.max() / self.tokens_per_batch - 1) / 2)))

    # -- a cursor --------------------------------------------------------------------------------------------------

    def next(self) -> np.ndarray:
        """The next batch; after an epoch's last one comes the next epoch's first."""
        if self._step >= len(self.batches(self._epoch)):
            self._epoch, self._step = self._epoch + 1, 0
        self._step += 1
        return self.batches(self._epoch)[self._step - 1]

    def state(self) -> dict[str, int]:
        """All there is to save: the next batch is number `step` of `epoch`."""
        return {"seed": self.seed, "epoch": self._epoch, "step": self._step}

    def restore(self, state: dict[str, int]) -> None:
        if state["seed"] != self.seed:
            raise ValueError(f"the saved sampler had the seed {state['seed']}, this one has {self.seed}")
        if state["epoch"] < 0 or not 0 <= state["step"] <= len(self.batches(state["epoch"])):
            raise ValueError(f"there is no step {state['step']} in epoch {state['epoch']}")
        self._epoch, self._step = state["epoch"], state["step"]

    # -- a report --------------------------------------------------------------------------------------------------

    def report(self, epoch: int = 0) -> dict[str, Any]:
        """What an epoch looks like: coverage, balance (heaviest step / mean step, 1 = perfect), and the share of a
        padded batch that would be padding."""
        batches = self.batches(epoch)
        seen = np.bincount(np.concatenate(batches), minlength=len(self.costs))
        tokens = np.array([self.tokens[b].sum() for b in batches])
        costs = np.array([self.costs[b].sum() for b in batches])
        padded = sum(len(b) * int(self.tokens[b].max()) for b in batches)
        return {
            "mode": self.mode,
            "examples": len(self.costs),
            "steps": len(batches),
            "each_exactly_once": bool((seen == 1).all()),
            "tokens": int(tokens.sum()),
            "tokens_per_batch": self.tokens_per_batch,
            "heaviest_tokens": int(tokens.max()),
            "lightest_tokens": int(tokens.min()),
            "heaviest_over_mean_tokens": float(tokens.max() / tokens.mean()),
            "heaviest_over_mean_cost": float(costs.max() / costs.mean()),
            "padding_saved": 1 - int(tokens.sum()) / padded,
        }


def split(batch: np.ndarray, costs: np.ndarray, k: int) -> list[np.ndarray]:
    """A batch divided into k parts of nearly equal cost (LPT again): micro-batches, or the shares of k processes.

    costs (n,) of all examples. A pure function of its arguments; the parts keep the batch's order; with fewer examples
    than parts, some are empty.
    """
    if k < 1:
        raise ValueError(f"a batch can be divided into 1 or more parts, not {k}")
    loads = [(0.0, 0, part) for part in range(k)]  # (cost, examples, part): a heap
    assigned = np.zeros(len(batch), dtype=np.int64)
    cost = np.asarray(costs)[batch]
    for i in np.argsort(-cost, kind="stable").tolist():
        load, count, part = loads[0]
        heapq.heapreplace(loads, (load + float(cost[i]), count + 1, part))
        assigned[i] = part
    return [batch[assigned == part] for part in range(k)]


def share(batch: np.ndarray, costs: np.ndarray, rank: int, size: int, turn: int | None = None) -> np.ndarray:
    """What process `rank` of `size` computes of a global batch. A pure function of its arguments; all shares are the batch.

    Parts cannot always be equal: of 33 rows of one length four processes take 9, 8, 8 and 8. Which process takes the larger part
    is decided by the batch, or by `turn`: in each step it is another one.
    """
    return split(batch, costs, size)[(rank + (int(batch.sum()) if turn is None else turn)) % size]


def _grouped(examples: np.ndarray, assigned: Any) -> list[np.ndarray]:
    """The examples of group 0, of group 1, ..., each in the order given. Every group has some."""
    assigned = np.asarray(assigned, dtype=np.int64)
    by_group = np.argsort(assigned, kind="stable")
    return np.split(examples[by_group], np.cumsum(np.bincount(assigned))[:-1]) if len(examples) else []
