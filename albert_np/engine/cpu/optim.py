"""Kernels of core/optim/adamw.py: one pass over the flat buffers, a block at a time.

In the reference each line of the formula runs over whole arrays. Here a block of m, v, g and w is loaded into the cache once, and
all lines are computed on it before the next block.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.optim.adamw import OptimizerState, takes_decay
from albert_np.core.params import Tree
from albert_np.engine.kernels import tensor_spans

BLOCK = 1 << 15  # elements


class Span(NamedTuple):
    """A tensor in the flat buffer: [start, stop), whether weight decay applies, and its factor of the learning rate."""

    start: int
    stop: int
    decayed: bool
    rate: float


def get_spans(params: Tree, state: OptimizerState, rates: dict[str, float]) -> list[Span]:
    """Return the spans of all tensors."""
    return [
        Span(start, stop, takes_decay(name, state), rates.get(name, 1.0)) for name, (start, stop) in tensor_spans(params).items()
    ]  # fmt: skip


def adamw_step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float]) -> None:
    """One update, in place."""
    adamw_spans(get_spans(params, state, rates), params.flat, grads.flat, state, lr)


def lamb_step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float]) -> None:
    """One update, in place."""
    lamb_spans(get_spans(params, state, rates), params.flat, grads.flat, state, lr)


def adamw_spans(spans: list[Span], params: Array, grads: Array, state: OptimizerState, lr: float) -> None:
    """One update of these spans of flat arrays, in place."""
    decay, u_block, product = (
        state.options["weight_decay"],
        np.empty_like(params, shape=BLOCK),
        np.empty_like(params, shape=BLOCK),
    )
    for span in spans:
        for at, end in span_blocks(span):
            w, u = params[at:end], u_block[: end - at]
            adam_update(state.m.flat[at:end], state.v.flat[at:end], grads[at:end], u, state)
            if span.decayed:
                u += np.multiply(w, decay, out=product[: end - at])
            u *= lr * span.rate
            w -= u


def lamb_spans(spans: list[Span], params: Array, grads: Array, state: OptimizerState, lr: float) -> None:
    """One update of these spans of flat arrays, in place. The norms of a tensor must be complete before it is updated."""
    decay, product = state.options["weight_decay"], np.empty_like(params, shape=BLOCK)
    u_all = np.empty_like(params, shape=max((span.stop - span.start for span in spans), default=0))
    for span in spans:
        w_square = u_square = 0.0
        for at, end in span_blocks(span):
            w, u = params[at:end], u_all[at - span.start : end - span.start]
            adam_update(state.m.flat[at:end], state.v.flat[at:end], grads[at:end], u, state)
            if span.decayed:
                u += np.multiply(w, decay, out=product[: end - at])
                w_square += float(np.vecdot(w, w))
                u_square += float(np.vecdot(u, u))
            else:
                u *= lr * span.rate
                w -= u
        if span.decayed:
            ratio = (w_square / u_square) ** 0.5 if w_square > 0 and u_square > 0 else 1.0
            u = u_all[: span.stop - span.start]
            params[span.start : span.stop] -= np.multiply(u, lr * span.rate * ratio, out=u)


def span_blocks(span: Span) -> Iterator[tuple[int, int]]:
    """Yield [start, stop) of the blocks of a span."""
    for at in range(span.start, span.stop, BLOCK):
        yield at, min(at + BLOCK, span.stop)


def adam_update(m: Array, v: Array, g: Array, u: Array, state: OptimizerState) -> None:
    """Advance m and v by g, in place; u = m / (√v + ε). All (n,)."""
    beta1, beta2, eps = (state.options[key] for key in ("beta1", "beta2", "eps"))
    m *= beta1
    m += np.multiply(g, 1 - beta1, out=u)
    v *= beta2
    np.multiply(g, g, out=u)
    u *= 1 - beta2
    v += u
    if state.options["bias_correction"]:
        np.multiply(v, 1 / (1 - beta2**state.count), out=u)
        np.sqrt(u, out=u)
        u += eps
        u *= 1 - beta1**state.count
    else:
        np.sqrt(v, out=u)
        u += eps
    np.divide(m, u, out=u)
