"""Pruning: the least important weights become 0 and stay 0.

Importance is the magnitude of a weight (Han et al. 2015) or its movement in training (see movement.py). The share of pruned
weights grows with the steps, fast at first and slowly at the end (Zhu & Gupta 2017):

    s_t = s (1 - (1 - t)³)        t from 0 to 1 between the first and the last step of pruning

A pruned weight is 0 in the parameters themselves, and its gradient and its moments are 0, so it stays 0. (Sanh et al. store the
values of pruned weights and let them return; here pruning is final, and the trained parameters are those that are saved.)

Layers that share a weight share its mask.
"""

import math
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from albert_np.compress.layers.masked import apply_mask_backward
from albert_np.compress.movement import WARMUP, Scores
from albert_np.compress.zeros import sparsity
from albert_np.core.params import Tree
from albert_np.engine.kernels import tensor_spans
from albert_np.io.matrices import LOOKUP_TABLES, matrices
from albert_np.training.constraints import Constraint

UPDATES = 100  # maximum number of mask updates by magnitude; by movement the mask is updated at every step
# The share of zeros above which a model counts as pruned; in an integer model, small weights are rounded to 0 anyway
PRUNED_FLOAT, PRUNED_INTEGER = 0.005, 0.3


@dataclass(frozen=True)
class Sparsity:
    """Settings of pruning.

    amount       final share of zeros, 0 <= s < 1; or "N:M", such as "2:4": N of every M consecutive inputs of an output stay
    by           "magnitude" or "movement"
    scope        "layer": the same share in every matrix · "global": one threshold for all matrices
    begin, end   when pruning begins and ends, as shares of the steps; "N:M" is applied at once, at `begin`.
                 None: 0 for magnitude, 0.1 for movement, which first has to learn scores
    embeddings   whether the word table is pruned, too

    Raises ValueError, which names the invalid setting.
    """

    amount: float | str = 0.0
    by: str = "magnitude"
    scope: str = "layer"
    begin: float | None = None
    end: float = 0.7
    embeddings: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.amount, str):
            object.__setattr__(self, "amount", _parse_amount(self.amount))
        if not isinstance(self.amount, str) and not 0 <= self.amount < 1:
            raise ValueError(f"sparsity must be at least 0 and below 1, or N:M such as 2:4, not {self.amount!r}")
        for name, known in (("by", ("magnitude", "movement")), ("scope", ("layer", "global"))):
            if getattr(self, name) not in known:
                raise ValueError(f"pruning {name}: expected {' or '.join(known)}, got {getattr(self, name)!r}")
        if not 0 <= self.starts <= self.end <= 1:
            raise ValueError(f"pruning must begin at 0 or later and end at 1 or before, not from {self.starts} to {self.end}")

    @property
    def starts(self) -> float:
        """`begin`, or its default."""
        if self.begin is None:
            return min(WARMUP, self.end) if self.by == "movement" else 0.0
        return self.begin

    @classmethod
    def of(cls, settings: Any) -> "Sparsity":
        """Return the pruning settings among the settings of a training run; the amount is 0 if nothing is pruned."""
        s = settings
        return cls(s.sparsity, s.prune_by, s.prune_scope, end=s.prune_end, embeddings=s.prune_embeddings)

    @property
    def pattern(self) -> tuple[int, int] | None:
        """(N, M) for an "N:M" pattern, else None."""
        if not isinstance(self.amount, str):
            return None
        n, m = self.amount.split(":")
        return int(n), int(m)

    def at(self, progress: float) -> float:
        """Return the share of zeros after this share of the steps."""
        if progress < self.starts or isinstance(self.amount, str):
            return 0.0
        t = 1.0 if progress >= self.end else (progress - self.starts) / (self.end - self.starts)
        return self.amount * (1 - (1 - t) ** 3)


def _parse_amount(text: str) -> float | str:
    """Parse "0.8" as 0.8 and "2:4" as itself. ValueError for anything else."""
    if match := re.fullmatch(r"(\d{1,3}):(\d{1,3})", text):
        if 0 < int(match[1]) < int(match[2]):
            return text
        raise ValueError(f"sparsity {text}: N of M weights stay, with 0 < N < M")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"sparsity must be at least 0 and below 1, or N:M such as 2:4, not {text!r}") from None


# ---- the choice of weights ----


def prune_lowest(scores: list[Any], pruned: list[Any], share: float, globally: bool) -> list[Any]:
    """Return new masks (True: pruned), one per matrix, in which this share of the lowest scores is pruned.

    Weights that are pruned already stay so. globally: rank all matrices together, else each by itself.
    """
    if globally:
        flat = prune_lowest([_concatenate(scores)], [_concatenate(pruned)], share, False)[0]
        ends = np.cumsum([score.size for score in scores]).tolist()
        return [flat[end - score.size : end].reshape(score.shape) for end, score in zip(ends, scores)]
    masks = []
    for score, old in zip(scores, pruned):
        count = max(round(share * score.size), int(old.sum()))
        ranked = np.where(old, -math.inf, score).reshape(-1)
        mask = np.zeros_like(old.reshape(-1))
        if count:
            mask[np.argpartition(ranked, count - 1)[:count]] = True
        masks.append(mask.reshape(score.shape))
    return masks


def _concatenate(arrays: list[Any]) -> Any:
    return np.concatenate([array.reshape(-1) for array in arrays])


def prune_pattern(name: str, score: Any, pruned: Any, n: int, m: int) -> Any:
    """Return a new mask of a matrix in which all but n of every m consecutive inputs of an output are pruned."""
    axis = 1 if name in LOOKUP_TABLES else 0
    if score.shape[axis] % m:
        raise ValueError(f"{name} has {score.shape[axis]} inputs, which is not a multiple of {m} as the pattern {n}:{m} requires")
    ranked = np.moveaxis(np.where(pruned, -math.inf, score), axis, -1)  # (outputs, inputs)
    rank = np.argsort(np.argsort(ranked.reshape(-1, m), axis=1), axis=1)  # within its m inputs; 0: the lowest
    return np.moveaxis((rank < m - n).reshape(ranked.shape), -1, axis) | pruned


def prune(params: Tree, how: Sparsity) -> None:
    """Prune at once, in place, by magnitude: the baseline for gradual pruning.

    how: its amount, scope and embeddings count, its times do not. `save_pretrained` stores the zeros as they are; `compress` at
    the command line writes the smaller file.
    """
    pruning = Pruning(how)
    pruning.start(params, 1)
    pruning.choose(params, how.at(1.0))
    pruning.clear(params.flat)


# ---- while training ----


class Pruning(Constraint):
    """Prune the parameters during training. Weights that are 0 at the start count as pruned."""

    def __init__(self, how: Sparsity) -> None:
        self.how = how

    def start(self, params: Tree, total: int) -> None:
        """Mark the weights that are 0 as pruned, initialise the scores, and set the number of steps."""
        self.pruned = np.zeros_like(params.flat, dtype=bool)
        for array, mask in zip(matrices(params).values(), self._views(params, self.pruned, embeddings=True)):
            mask[...] = array == 0
        self.scores = Scores(params) if self.how.by == "movement" else None
        self.done = self.how.amount == 0
        self.total, self.every = total, max(1, total // UPDATES) if self.scores is None else 1

    def on_gradients(self, params: Tree, grads: Tree) -> None:
        dw, ds = apply_mask_backward(grads.flat, (params.flat, ~self.pruned))
        grads.flat[...] = dw
        if self.scores is not None and not self.done:
            self.scores.learn(ds)

    def on_step_end(self, params: Tree, optimizer: SimpleNamespace, step: int) -> None:
        progress = step / self.total
        if not self.done and progress >= self.how.starts and (step % self.every == 0 or self.is_final(step)):
            self.choose(params, self.how.at(progress))
            self.done = self.is_final(step)
        self.clear(params.flat)
        for moment in (optimizer.m, optimizer.v):
            moment.flat[self.pruned[getattr(optimizer, "part", slice(None))]] = 0

    def is_final(self, step: int) -> bool:
        return self.how.amount == 0 or step / self.total >= (self.how.starts if self.how.pattern else self.how.end)

    def choose(self, params: Tree, share: float) -> None:
        """Choose the pruned weights for this share of zeros."""
        weights, embeddings = matrices(params, self.how.embeddings), self.how.embeddings
        masks = self._views(params, self.pruned, embeddings)
        if self.scores is None:
            scores = [np.abs(w) for w in weights.values()]
        else:
            scores = self._views(params, self.scores.values.flat, embeddings)
        if self.how.pattern is None:
            chosen = prune_lowest(scores, masks, share, self.how.scope == "global")
        else:
            chosen = [prune_pattern(name, score, mask, *self.how.pattern) for name, score, mask in zip(weights, scores, masks)]
        for mask, new in zip(masks, chosen):
            mask[...] = new

    def clear(self, flat: Any) -> None:
        """Set an array, as long as the flat buffer, to 0 where weights are pruned."""
        flat[self.pruned] = 0

    def _views(self, params: Tree, flat: Any, embeddings: bool) -> list[Any]:
        """Return the views of an array, as long as the flat buffer, at the positions of the matrices."""
        spans = tensor_spans(params)
        return [flat[slice(*spans[name])].reshape(array.shape) for name, array in matrices(params, embeddings).items()]

    def state(self) -> dict[str, Any]:
        return {} if self.scores is None else self.scores.state()

    def restore(self, state: dict[str, Any]) -> None:
        if self.scores is not None and state:
            self.scores.restore(state)


def was_pruned(params: Tree, integers: bool = False) -> bool:
    """Return whether a model was pruned, judged by its zeros. integers: its weights were rounded to int8 or int4."""
    threshold = PRUNED_INTEGER if integers else PRUNED_FLOAT
    return sparsity(params) > threshold or sparsity(params, embeddings=False) > threshold
