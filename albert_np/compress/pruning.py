"""Pruning: the least important weights become 0 and stay 0.

Which weights are important is said by their size (Han et al. 2015), or by where training moves them (see movement.py). How many
go grows with the steps, fast at first and slowly at the end (Zhu & Gupta 2017):

    s_t = s (1 - (1 - t)³)        t from 0 to 1 between the first and the last step of pruning

A pruned weight is 0 in the parameters themselves, its gradient is 0 and so are its moments: nothing brings it back. (Sanh et al.
keep pruned weights aside and let them return; here what is gone is gone, and what is trained is what is saved.)

Layers that share a weight share its mask: there is nothing to do for it.
"""

import math
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from albert_np.compress.layers.masked import masked_backward
from albert_np.compress.movement import WARMUP, Scores
from albert_np.compress.tensors import TABLES, matrices, sparsity
from albert_np.core.params import Tree
from albert_np.training.constraints import Constraint

UPDATES = 100  # so often the mask grows, at most; by movement at every step
INTENDED, ROUNDED = 0.005, 0.3  # a model with so many zeros was pruned; one of integers, where small weights are 0 anyway


@dataclass(frozen=True)
class Sparsity:
    """What is pruned, and how.

    amount       the share of zeros at the end, 0 <= s < 1; or "N:M", such as "2:4": of each M inputs in a row of an output N stay
    by           "magnitude" or "movement"
    scope        "layer": each matrix loses its share · "global": all compete
    begin, end   where in the training pruning begins and ends, as shares of its steps. "N:M" happens at once, at `begin`.
                 None: at 0 by magnitude; by movement a tenth later, when there are scores
    embeddings   whether the word table is pruned, too

    Raises ValueError that names what came.
    """

    amount: float | str = 0.0
    by: str = "magnitude"
    scope: str = "layer"
    begin: float | None = None
    end: float = 0.7
    embeddings: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.amount, str):
            object.__setattr__(self, "amount", _amount(self.amount))
        if not isinstance(self.amount, str) and not 0 <= self.amount < 1:
            raise ValueError(f"sparsity must be at least 0 and below 1, or N:M such as 2:4, not {self.amount!r}")
        for name, known in (("by", ("magnitude", "movement")), ("scope", ("layer", "global"))):
            if getattr(self, name) not in known:
                raise ValueError(f"pruning {name}: expected {' or '.join(known)}, got {getattr(self, name)!r}")
        if not 0 <= self.starts <= self.end <= 1:
            raise ValueError(f"pruning must begin at 0 or later and end at 1 or before, not from {self.starts} to {self.end}")

    @property
    def starts(self) -> float:
        """`begin`, or where it is by default."""
        if self.begin is None:
            return min(WARMUP, self.end) if self.by == "movement" else 0.0
        return self.begin

    @classmethod
    def of(cls, settings: Any) -> "Sparsity":
        """What the settings of a training say of it; the amount is 0 if nothing is pruned."""
        s = settings
        return cls(s.sparsity, s.prune_by, s.prune_scope, end=s.prune_end, embeddings=s.prune_embeddings)

    @property
    def pattern(self) -> tuple[int, int] | None:
        """(N, M), if this is one."""
        if not isinstance(self.amount, str):
            return None
        n, m = self.amount.split(":")
        return int(n), int(m)

    def at(self, progress: float) -> float:
        """The share of zeros when this share of the steps is done."""
        if progress < self.starts or isinstance(self.amount, str):
            return 0.0
        t = 1.0 if progress >= self.end else (progress - self.starts) / (self.end - self.starts)
        return self.amount * (1 - (1 - t) ** 3)


def _amount(text: str) -> float | str:
    """ "0.8" -> 0.8; "2:4" stays. ValueError for anything else."""
    if match := re.fullmatch(r"(\d{1,3}):(\d{1,3})", text):
        if 0 < int(match[1]) < int(match[2]):
            return text
        raise ValueError(f"sparsity {text}: of M weights N stay, with 0 < N < M")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"sparsity must be at least 0 and below 1, or N:M such as 2:4, not {text!r}") from None


# ---- which weights go ----


def least(scores: list[Any], dead: list[Any], share: float, together: bool) -> list[Any]:
    """scores, dead: an array and booleans for each matrix -> its booleans with a share of the least scores dead.

    What is dead stays so. together: the scores of all matrices compete; else each matrix loses its share.
    """
    if together:
        flat = least([_joined(scores)], [_joined(dead)], share, False)[0]
        ends = np.cumsum([score.size for score in scores]).tolist()
        return [flat[end - score.size : end].reshape(score.shape) for end, score in zip(ends, scores)]
    found = []
    for score, gone in zip(scores, dead):
        count = max(round(share * score.size), int(gone.sum()))
        ranked = np.where(gone, -math.inf, score).reshape(-1)
        now = np.zeros_like(gone.reshape(-1))
        if count:
            now[np.argpartition(ranked, count - 1)[:count]] = True
        found.append(now.reshape(score.shape))
    return found


def _joined(arrays: list[Any]) -> Any:
    return np.concatenate([array.reshape(-1) for array in arrays])


def pattern(name: str, score: Any, gone: Any, n: int, m: int) -> Any:
    """The booleans of a matrix of which, of every m inputs of an output in a row, all but n are dead."""
    axis = 1 if name in TABLES else 0
    if score.shape[axis] % m:
        raise ValueError(f"{name} has {score.shape[axis]} inputs, which is no multiple of {m}: the pattern {n}:{m} needs one")
    ranked = np.moveaxis(np.where(gone, -math.inf, score), axis, -1)  # (outputs, inputs)
    rank = np.argsort(np.argsort(ranked.reshape(-1, m), axis=1), axis=1)  # within its row of m inputs; 0: the least
    return np.moveaxis((rank < m - n).reshape(ranked.shape), -1, axis) | gone


def prune(params: Tree, how: Sparsity) -> None:
    """At once, in place, by magnitude: what the gradual way is to be better than."""
    pruning = Pruning(how)
    pruning.start(params, 1)
    pruning.choose(params, how.at(1.0))
    pruning.clear(params.flat)


# ---- while training ----


class Pruning(Constraint):
    """Prunes the parameters of a training run. Weights that are 0 when it starts are pruned already."""

    def __init__(self, how: Sparsity) -> None:
        self.how = how

    def start(self, params: Tree, total: int) -> None:
        """Begin a training of `total` steps: what is 0 is pruned already, and there are no scores yet."""
        self.dead = np.zeros_like(params.flat, dtype=bool)
        for array, gone in zip(matrices(params).values(), self._of(params, self.dead, embeddings=True)):
            gone[...] = array == 0
        self.scores = Scores(params) if self.how.by == "movement" else None
        self.done = self.how.amount == 0
        self.total, self.every = total, max(1, total // UPDATES) if self.scores is None else 1

    def on_gradients(self, params: Tree, grads: Tree) -> None:
        dw, ds = masked_backward(grads.flat, (params.flat, ~self.dead))
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
            moment.flat[self.dead[getattr(optimizer, "part", slice(None))]] = 0

    def is_final(self, step: int) -> bool:
        return self.how.amount == 0 or step / self.total >= (self.how.starts if self.how.pattern else self.how.end)

    def choose(self, params: Tree, share: float) -> None:
        """Which weights are dead from now on."""
        names = list(matrices(params, self.how.embeddings))
        weights = list(matrices(params, self.how.embeddings).values())
        dead = self._of(params, self.dead, self.how.embeddings)
        scores = (
            [np.abs(w) for w in weights]
            if self.scores is None
            else self._of(params, self.scores.values.flat, self.how.embeddings)
        )
        if self.how.pattern is None:
            chosen = least(scores, dead, share, self.how.scope == "global")
        else:
            chosen = [pattern(name, score, gone, *self.how.pattern) for name, score, gone in zip(names, scores, dead)]
        for gone, now in zip(dead, chosen):
            gone[...] = now

    def clear(self, flat: Any) -> None:
        """0 wherever a weight is dead."""
        flat[self.dead] = 0

    def _of(self, params: Tree, flat: Any, embeddings: bool) -> list[Any]:
        """The views of an array, as long as the flat buffer, that stand where the matrices do."""
        spans = params.spans()
        return [flat[slice(*spans[name])].reshape(array.shape) for name, array in matrices(params, embeddings).items()]

    def state(self) -> dict[str, Any]:
        return {} if self.scores is None else self.scores.state()

    def restore(self, state: dict[str, Any]) -> None:
        if self.scores is not None and state:
            self.scores.restore(state)


def was_pruned(params: Tree, integers: bool = False) -> bool:
    """Whether a model has zeros that somebody meant. integers: its weights were rounded to int8 or int4."""
    least = ROUNDED if integers else INTENDED
    return sparsity(params) > least or sparsity(params, embeddings=False) > least
