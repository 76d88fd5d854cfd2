"""Kernels of core/optim/adamw.py and lamb.py: one launch over the flat buffers; two for LAMB, as the norms come first."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.core.optim.adamw import OptimizerState
from albert_np.core.params import Tree
from albert_np.engine.cpu.optim import Span, get_spans
from albert_np.engine.gpu.launch import launch

CHUNK, THREADS = 4096, 256  # elements and threads of a block


def adamw_step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float]) -> None:
    """One update, in place."""
    update_spans(get_spans(params, state, rates), params.flat, grads.flat, state, lr)


def lamb_step(params: Tree, grads: Tree, state: OptimizerState, lr: float, rates: dict[str, float]) -> None:
    """One update, in place."""
    update_spans(get_spans(params, state, rates), params.flat, grads.flat, state, lr)


def update_spans(spans: Sequence[Span], params: Array, grads: Array, state: OptimizerState, lr: float) -> None:
    """One update of the flat arrays, in place.

    If the state has a loss scale (engine/loss_scale.py), its device flag `finite` decides whether the update is applied.
    """
    o, lamb, scale = state.options, state.name == "lamb", getattr(state, "loss_scale", None)
    chunks, firsts, rates, decays, trusts = get_tables(tuple(spans), o["weight_decay"], state, params)
    blocks = len(chunks)
    u = np.empty_like(params) if lamb else None
    squares = np.empty_like(params, shape=(blocks, 2)) if lamb else None
    numbers = [np.float64(x) for x in (lr, o["beta1"], o["beta2"], o["eps"], state.count)]
    finite, skipped = (None, None) if scale is None else (scale.finite, scale.skipped)
    launch(
        "adam", "adam", params, blocks, THREADS, chunks, rates, decays, params, grads, state.m.flat, state.v.flat, u, squares,
        *numbers, np.int32(o["bias_correction"]), np.int32(lamb), finite, skipped,
    )  # fmt: skip
    if lamb:
        launch(
            "adam",
            "apply_lamb",
            params,
            blocks,
            THREADS,
            chunks,
            firsts,
            rates,
            trusts,
            params,
            u,
            squares,
            np.float64(lr),
            finite,
        )


def get_tables(spans: tuple[Span, ...], decay: float, state: OptimizerState, like: Array) -> tuple[Any, ...]:
    """Return the kernels' tables of the tensors, on the device, computed once per optimiser state."""
    stored = getattr(state, "on_device", None)
    if stored is not None and stored[0] == (spans, decay):
        return stored[1]
    chunks, firsts = [], [0]
    for tensor, (start, stop, *_) in enumerate(spans):
        chunks += [(at, min(at + CHUNK, stop), tensor) for at in range(start, stop, CHUNK)]
        firsts.append(len(chunks))
    rates, decayed = [span.rate for span in spans], [float(span.decayed) for span in spans]
    host = (
        np.array(chunks, np.int64).reshape(-1, 3), np.array(firsts, np.int64), np.array(rates, np.float64),
        np.array(decayed) * decay, np.array(decayed),
    )  # fmt: skip
    tables = tuple(backend.asarray_like(array, like) for array in host)
    state.on_device = (spans, decay), tables
    return tables
