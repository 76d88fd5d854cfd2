"""Importance of attention heads and of neurons of the feed-forward network (Michel et al. 2019, equation 2).

Multiply the contribution of a head by a factor ξ; ξ = 1 is the model. The sensitivity of the loss to it,

    I = mean over the examples of |∂ loss / ∂ ξ|

is the head's importance. A head contributes through its own rows w of the output matrix, so scaling it is scaling these rows, and
the derivative follows from the gradients of a backward pass:

    ∂ loss / ∂ ξ = Σ w ⊙ dw      over the rows of the head; for a neuron, over its row of ffn.output

A layer that is used L times has one ξ, since its parameters are shared: the derivative is the sum over the uses.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.batch import Batch
from albert_np.core.params import Tree


def importance(model: Any, examples: Iterable[Batch]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the importance {attention: (A,)} and {ffn: (F,)} of every block; keys such as "groups.0.blocks.0.attention".

    examples: batches of one labelled example each. Shared parameters occur once.
    """
    grads, A, count = model.params.zeros_like(), model.config.num_attention_heads, 0
    heads: dict[str, np.ndarray] = {}
    neurons: dict[str, np.ndarray] = {}
    for batch in examples:
        grads.flat[...] = 0
        model.packed_loss_and_gradients(batch, grads)
        for name, p, g in output_matrices(model.params, grads):
            xi = row_derivatives(p, g)  # (rows,)
            if name.endswith(".attention"):
                heads[name] = heads.get(name, 0) + np.abs(xi.reshape(A, -1).sum(1))
            else:
                neurons[name] = neurons.get(name, 0) + np.abs(xi)
        count += 1
    if not count:
        raise ValueError("importance is measured on labelled examples, but there are none")
    return {name: total / count for name, total in heads.items()}, {name: total / count for name, total in neurons.items()}


def output_matrices(params: Tree, grads: Tree) -> list[tuple[str, Any, Any]]:
    """Return (name, parameters, gradients) of the output layer of every attention and feed-forward network, shared ones once."""
    layers, done = [], set()
    for g, (group, d_group) in enumerate(zip(params.groups, grads.groups)):
        for i, (block, d_block) in enumerate(zip(group.blocks, d_group.blocks)):
            for part in ("attention", "ffn"):
                p = getattr(block, part)
                if id(p) not in done:
                    done.add(id(p))
                    layers.append((f"groups.{g}.blocks.{i}.{part}", p.output, getattr(d_block, part).output))
    return layers


def row_derivatives(p: Any, g: Any) -> np.ndarray:
    """Return ∂ loss / ∂ ξ of each row of an output matrix, or of its first factor: float64 on the host."""
    w, dw = (p.u, g.u) if hasattr(p, "u") else (p.w, g.w)
    return backend.to_host((w * dw).sum(1)).astype(np.float64)
