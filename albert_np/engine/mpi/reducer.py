"""From the gradients of all processes to one update of the parameters, the same in all of them.

Update     the gradients are summed, and every process makes the whole update for itself: nothing is to be sent afterwards.
Sharded    each process keeps the moments of a part of the flat buffer only ("ZeRO-1", Rajbhandari et al. 2020). It gets the
           sum of the gradients of its part, updates the parameters there, and all collect each other's. As much travels as
           before, for an all-reduce is these two halves; two moments of n numbers become two of n / k.

A part ends wherever n / k comes to, in the middle of a tensor too: LAMB's norms are summed over the processes.
"""

import hashlib
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from albert_np.core import backend, optim
from albert_np.core.optim import adamw
from albert_np.core.optim.adamw import trust_ratio
from albert_np.core.optim.clip import clip_factor
from albert_np.core.params import Tree
from albert_np.engine import gpu
from albert_np.engine.cpu.optim import Span, adamw_spans, get_spans
from albert_np.engine.gpu.optim import update_spans
from albert_np.engine.kernels import kernels_run
from albert_np.engine.loss_scale import LossScale
from albert_np.engine.mpi.processes import Cuts, Processes

DRIFTED = "the processes had drifted apart by rounding; all go on with what the first one has"


class Update:
    """The whole update in every process."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    def init(self, name: str, params: Tree, **options: Any) -> SimpleNamespace:
        """A fresh state, as `optim.init` makes it."""
        return optim.init(name, params, **options)

    def sum(self, grads: Tree) -> None:
        """The gradients of all processes, in place."""
        self.processes.sum(grads.flat)

    def clip(self, grads: Tree, max_norm: float) -> Any:
        """As `optim.clip`."""
        return optim.clip(grads, max_norm)

    def step(
        self, params: Tree, grads: Tree, state: SimpleNamespace, lr: float, scales: dict[str, float] | None = None,
        loss_scale: LossScale | None = None,
    ) -> None:  # fmt: skip
        """As `optim.step`."""
        state.loss_scale = loss_scale
        optim.step(params, grads, state, lr, scales)

    def whole(self, params: Tree, state: SimpleNamespace) -> SimpleNamespace:
        """The state with all moments, for a checkpoint; only the first process's is complete."""
        return state

    def align(self, params: Tree) -> bool:
        """Whether the processes' parameters were different; then all take those of the first one.

        They make the same update with the same numbers. But on processors of different kinds a norm may differ in its last bit.
        """
        digest = hashlib.blake2b(backend.to_host(params.flat).tobytes()).digest() if self.processes.size > 1 else b""
        if len(set(self.processes.gather(digest))) == 1:
            return False
        self.processes.spread(params.flat)
        return True

    def spread(self, state: SimpleNamespace) -> SimpleNamespace:
        """The whole state that the first process has read -> the state of this process."""
        state.name, state.count, state.options = self.processes.from_first(lambda: (state.name, state.count, state.options))
        self.processes.spread(state.m.flat)
        self.processes.spread(state.v.flat)
        return state


class Sharded(Update):
    """Each process the update of its part, cuts[rank]."""

    def __init__(self, processes: Processes, params: Tree) -> None:
        super().__init__(processes)
        self.cuts = cuts(len(params.flat), processes.size, 64 // params.flat.dtype.itemsize)
        self.part = slice(*self.cuts[processes.rank])

    def init(self, name: str, params: Tree, **options: Any) -> SimpleNamespace:
        return self._cut(optim.init(name, params, **options))

    def _cut(self, state: SimpleNamespace) -> SimpleNamespace:
        """Of the moments this process's part, in arrays of their own."""
        state.m, state.v = (SimpleNamespace(flat=tree.flat[self.part].copy()) for tree in (state.m, state.v))
        state.part = self.part
        return state

    def sum(self, grads: Tree) -> None:
        self.processes.sum_parts(grads.flat, self.cuts)

    def clip(self, grads: Tree, max_norm: float) -> Any:
        mine = grads.flat[self.part]
        squares = np.stack([(mine * mine).sum()])  # (1,)
        self.processes.sum(squares)
        norm = np.sqrt(squares[0])
        mine *= clip_factor(norm, max_norm)
        return norm

    def step(
        self, params: Tree, grads: Tree, state: SimpleNamespace, lr: float, scales: dict[str, float] | None = None,
        loss_scale: LossScale | None = None,
    ) -> None:  # fmt: skip
        if loss_scale is not None and state.name == "lamb":
            raise ValueError("shard_optimizer: LAMB's divided moments know no loss scale; precision must not be float16")
        state.count += 1
        w, g = params.flat[self.part], SimpleNamespace(flat=grads.flat[self.part])
        state.loss_scale = loss_scale
        spans = within(get_spans(params, state, scales or {}), self.part)
        if kernels_run(w) and state.name == "adamw":
            update = update_spans if gpu.has_kernels(w) else adamw_spans
            update([span for span in spans if span.start < span.stop], w, g.flat, state, lr)
        else:
            self._reference_step(w, adamw.moments(g.flat, state), spans, state, lr)
        self.processes.collect(params.flat, self.cuts)

    def _reference_step(self, w: Any, u: Any, spans: list[Any], state: SimpleNamespace, lr: float) -> None:
        """`optim.step` for a part: w and u, m / (√v + ε), are (n / k,)."""
        for start, stop, decayed, _ in spans:
            if decayed:
                u[start:stop] += state.options["weight_decay"] * w[start:stop]
        ratios = self._trust_ratios(w, u, spans) if state.name == "lamb" else None
        for i, (start, stop, decayed, scale) in enumerate(spans):
            here = u[start:stop]
            w[start:stop] -= lr * scale * (ratios[i] * here if decayed and ratios is not None else here)

    def _trust_ratios(self, w: Any, u: Any, spans: list[Any]) -> Any:
        """LAMB's ‖w‖ / ‖u‖ of every tensor, from the parts that the processes have of it: (tensors,)"""
        squares = np.concatenate([np.stack([(x[start:stop] * x[start:stop]).sum() for start, stop, *_ in spans]) for x in (w, u)])
        self.processes.sum(squares)
        return trust_ratio(np.sqrt(squares[: len(spans)]), np.sqrt(squares[len(spans) :]))

    def whole(self, params: Tree, state: SimpleNamespace) -> SimpleNamespace:
        flats = [self.processes.assemble(moment.flat, self.cuts) for moment in (state.m, state.v)]
        if not self.processes.first:
            return state
        m, v = (Tree(params.form, flat) for flat in flats)
        return SimpleNamespace(**{**vars(state), "m": m, "v": v, "part": slice(None)})

    def spread(self, state: SimpleNamespace) -> SimpleNamespace:
        return self._cut(super().spread(state))


def update_of(processes: Processes, params: Tree, sharded: bool) -> Update:
    """The one that was asked for; alone there is nothing to divide."""
    return Sharded(processes, params) if sharded and processes.size > 1 else Update(processes)


def cuts(n: int, k: int, quantum: int) -> Cuts:
    """n numbers in k nearly equal parts, which begin at multiples of the quantum."""
    ends = [n * part // k // quantum * quantum for part in range(k)] + [n]
    return list(pairwise(ends))


def within(spans: list[Span], part: slice) -> list[Span]:
    """What the part has of each tensor, counted from its beginning; nothing of most: then start = stop."""
    size = part.stop - part.start

    def clipped(place: int) -> int:
        return min(max(place - part.start, 0), size)

    return [Span(clipped(span.start), clipped(span.stop), span.decayed, span.rate) for span in spans]
