"""Twin of core/optim/adamw.py: one launch over the flat buffers; two for LAMB, whose norms come first."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.engine.gpu.launch import launch

PIECE, THREADS = 4096, 256  # numbers and threads of a block


def adam_step(spans: Any, params: Any, grads: Any, state: SimpleNamespace, lr: float, scale: Any = None) -> None:
    """One update, in place. spans: (start, stop, decayed, factor of lr) for every tensor, in the flat arrays params and grads.

    scale: the loss's (engine/loss_scale.py), whose `finite` says on the device whether there is to be an update, or None.
    """
    o, lamb = state.options, state.name == "lamb"
    pieces, firsts, rates, decays, trusts = tables(tuple(spans), o["weight_decay"], state, params)
    blocks = len(pieces)
    u = np.empty_like(params) if lamb else None
    squares = np.empty_like(params, shape=(blocks, 2)) if lamb else None
    numbers = [np.float64(x) for x in (lr, o["beta1"], o["beta2"], o["eps"], state.count)]
    finite, skipped = (None, None) if scale is None else (scale.finite, scale.skipped)
    launch(
        "adam", "adam", params, blocks, THREADS, pieces, rates, decays, params, grads, state.m.flat, state.v.flat, u, squares,
        *numbers, np.int32(o["bias_correction"]), np.int32(lamb), finite, skipped,
    )  # fmt: skip
    if lamb:
        launch("adam", "move", params, blocks, THREADS, pieces, firsts, rates, trusts, params, u, squares, np.float64(lr), finite)


def tables(spans: tuple[Any, ...], decay: float, state: SimpleNamespace, like: Any) -> tuple[Any, ...]:
    """What the kernels know of the tensors, on the device; worked out once for an optimiser's state."""
    known = getattr(state, "on_device", None)
    if known is not None and known[0] == (spans, decay):
        return known[1]
    pieces, firsts = [], [0]
    for tensor, (start, stop, *_) in enumerate(spans):
        pieces += [(at, min(at + PIECE, stop), tensor) for at in range(start, stop, PIECE)]
        firsts.append(len(pieces))
    rates, decayed = [scale for *_, scale in spans], [float(d) for _, _, d, _ in spans]
    host = (
        np.array(pieces, np.int64).reshape(-1, 3), np.array(firsts, np.int64), np.array(rates, np.float64),
        np.array(decayed) * decay, np.array(decayed),
    )  # fmt: skip
    found = tuple(backend.asarray_like(array, like) for array in host)
    state.on_device = (spans, decay), found
    return found
