"""From the gradients of all processes to one update of the parameters, the same in all of them.

GradientReducer   an all-reduce of the gradients; every process then makes the whole update, so nothing is sent afterwards
ShardedReducer    each process stores the moments of a part of the flat buffer only ("ZeRO-1", Rajbhandari et al. 2020). A
                  reduce-scatter gives it the summed gradients of its part, it updates the parameters there, and an all-gather
                  distributes them. As much is sent as before, since an all-reduce consists of these two halves; two moments of
                  n numbers become two of n / k.

A part may end in the middle of a tensor, so LAMB's norms are summed over the processes.
"""

import hashlib
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from albert_np.core import backend, optim
from albert_np.core.optim import OptimizerState, adamw
from albert_np.core.optim.adamw import trust_ratio
from albert_np.core.optim.clip import clip_factor
from albert_np.core.params import Tree
from albert_np.engine import gpu
from albert_np.engine.cpu.optim import Span, adamw_spans, get_spans
from albert_np.engine.gpu.optim import update_spans
from albert_np.engine.kernels import kernels_run
from albert_np.engine.mpi.processes import Partition, Processes

PARAMS_DIFFERED = "the processes' parameters differed by rounding; all continue with those of the main process"


class GradientReducer:
    """Every process makes the whole update."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    def all_reduce(self, grads: Tree) -> None:
        """Sum the gradients over the processes, in place."""
        self.processes.all_reduce(grads.flat)

    def clip(self, grads: Tree, max_norm: float) -> Any:
        """Clip the summed gradients and return their norm, as `optim.clip` does."""
        return optim.clip(grads, max_norm)

    def step(self, params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float] | None = None) -> None:
        """Update params and state, as `optim.step` does. With `state.loss_scale` a step that overflowed changes nothing."""
        optim.step(params, grads, state, lr, rates)

    def shard_state(self, state: OptimizerState) -> OptimizerState:
        """Return what this process stores of a complete optimiser state."""
        state.part = slice(None)
        return state

    def gather_state(self, params: Tree, state: OptimizerState) -> OptimizerState:
        """Return the complete optimiser state, for a checkpoint. It is complete in the main process only."""
        return state

    def broadcast_state(self, state: OptimizerState) -> OptimizerState:
        """Copy the complete state that the main process has read to all, and return what this process stores of it."""
        values = self.processes.broadcast_object(lambda: (state.name, state.count, state.options))
        state.name, state.count, state.options = values
        self.processes.broadcast(state.m.flat)
        self.processes.broadcast(state.v.flat)
        return self.shard_state(state)

    def synchronize(self, params: Tree) -> bool:
        """Compare the processes' parameters; if they differ, all get those of the main process, and the result is True.

        All make the same update with the same numbers, but on processors of different kinds a norm may differ in its last bit.
        """
        digest = hashlib.blake2b(backend.to_host(params.flat).tobytes()).digest() if self.processes.size > 1 else b""
        if len(set(self.processes.all_gather_objects(digest))) == 1:
            return False
        self.processes.broadcast(params.flat)
        return True


class ShardedReducer(GradientReducer):
    """Each process updates its own part of the flat buffer, partition[rank]."""

    def __init__(self, processes: Processes, params: Tree) -> None:
        super().__init__(processes)
        self.partition = get_partition(len(params.flat), processes.size, 64 // params.flat.dtype.itemsize)
        self.part = slice(*self.partition[processes.rank])

    def all_reduce(self, grads: Tree) -> None:
        """Sum the gradients of this process's part over the processes, in place."""
        self.processes.reduce_scatter(grads.flat, self.partition)

    def clip(self, grads: Tree, max_norm: float) -> Any:
        own = grads.flat[self.part]
        squares = np.stack([(own * own).sum()])  # (1,)
        self.processes.all_reduce(squares)
        norm = np.sqrt(squares[0])
        own *= clip_factor(norm, max_norm)
        return norm

    def step(self, params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float] | None = None) -> None:
        if getattr(state, "loss_scale", None) is not None and state.name == "lamb":
            raise ValueError("shard_optimizer does not support LAMB with precision float16; use adamw or another precision")
        state.count += 1
        w, g = params.flat[self.part], grads.flat[self.part]
        spans = clip_spans(get_spans(params, state, rates or {}), self.part)
        if kernels_run(w) and state.name == "adamw":
            update = update_spans if gpu.has_kernels(w) else adamw_spans
            update([span for span in spans if span.start < span.stop], w, g, state, lr)
        else:
            self._reference_step(w, adamw.adam_update(g, state), spans, state, lr)
        self.processes.all_gather(params.flat, self.partition)

    def _reference_step(self, w: Any, u: Any, spans: list[Span], state: OptimizerState, lr: float) -> None:
        """`optim.step` for a part: w and u, m / (√v + ε), are (n / k,)."""
        for start, stop, decayed, _ in spans:
            if decayed:
                u[start:stop] += state.options["weight_decay"] * w[start:stop]
        ratios = self._trust_ratios(w, u, spans) if state.name == "lamb" else None
        for i, (start, stop, decayed, rate) in enumerate(spans):
            update = u[start:stop]
            w[start:stop] -= lr * rate * (ratios[i] * update if decayed and ratios is not None else update)

    def _trust_ratios(self, w: Any, u: Any, spans: list[Span]) -> Any:
        """Return LAMB's ‖w‖ / ‖u‖ of every tensor, from the processes' parts of it: (tensors,)"""
        squares = np.concatenate([np.stack([(x[start:stop] * x[start:stop]).sum() for start, stop, *_ in spans]) for x in (w, u)])
        self.processes.all_reduce(squares)
        return trust_ratio(np.sqrt(squares[: len(spans)]), np.sqrt(squares[len(spans) :]))

    def shard_state(self, state: OptimizerState) -> OptimizerState:
        state.m, state.v = (SimpleNamespace(flat=tree.flat[self.part].copy()) for tree in (state.m, state.v))
        state.part = self.part
        return state

    def gather_state(self, params: Tree, state: OptimizerState) -> OptimizerState:
        flats = [self.processes.gather_parts(moment.flat, self.partition) for moment in (state.m, state.v)]
        if not self.processes.is_main:
            return state
        m, v = (Tree(params.form, flat) for flat in flats)
        return OptimizerState(**{**vars(state), "m": m, "v": v, "part": slice(None)})


def get_reducer(processes: Processes, params: Tree, sharded: bool) -> GradientReducer:
    """Return a `ShardedReducer` if it is requested and more than one process runs, else a `GradientReducer`."""
    return ShardedReducer(processes, params) if sharded and processes.size > 1 else GradientReducer(processes)


def get_partition(n: int, k: int, quantum: int) -> Partition:
    """Divide n numbers into k nearly equal parts that begin at multiples of `quantum`."""
    ends = [n * part // k // quantum * quantum for part in range(k)] + [n]
    return list(pairwise(ends))


def clip_spans(spans: list[Span], part: slice) -> list[Span]:
    """Return the part's share of each tensor, counted from the part's beginning; start = stop for tensors outside it."""
    size = part.stop - part.start

    def clipped(position: int) -> int:
        return min(max(position - part.start, 0), size)

    return [Span(clipped(span.start), clipped(span.stop), span.decayed, span.rate) for span in spans]
