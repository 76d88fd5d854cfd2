"""What each attention head and each neuron of the feed-forward network is worth (Michel et al. 2019, equation 2).

Put a factor ξ before what a head contributes; ξ = 1 is the model. How much the loss of an example changes with it,

    I = mean over the examples of |∂ loss / ∂ ξ|

is the head's importance. A head's contribution passes through its own rows of the output matrix, so scaling it is scaling these
rows w, and the derivative is in the gradients that every backward pass makes:

    ∂ loss / ∂ ξ = Σ w ⊙ dw      over the rows of the head; for a neuron, over its row of ffn.output

A layer that is used L times has one ξ, like all else that is shared: its derivative is the sum over the uses.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.batch import Batch
from albert_np.core.params import Tree


def importance(model: Any, examples: Iterable[Batch]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """examples: batches of one example each, with labels

    -> {attention: (A,)}, {ffn: (F,)} of every different one in the tree, such as "groups.0.blocks.0.attention"
    """
    grads, A, count = model.params.zeros_like(), model.config.num_attention_heads, 0
    heads: dict[str, np.ndarray] = {}
    neurons: dict[str, np.ndarray] = {}
    for batch in examples:
        grads.flat[...] = 0
        model.packed_loss_and_gradients(batch, grads)
        for name, p, g in outputs(model.params, grads):
            each = derivatives(p, g)  # (rows,)
            if name.endswith(".attention"):
                heads[name] = heads.get(name, 0) + np.abs(each.reshape(A, -1).sum(1))
            else:
                neurons[name] = neurons.get(name, 0) + np.abs(each)
        count += 1
    if not count:
        raise ValueError("importance is measured on examples with labels, and there are none")
    return {name: total / count for name, total in heads.items()}, {name: total / count for name, total in neurons.items()}


def outputs(params: Tree, grads: Tree) -> list[tuple[str, Any, Any]]:
    """(name, parameters, gradients) of the output matrix of every different attention and feed-forward network."""
    found, met = [], set()
    for g, (group, d_group) in enumerate(zip(params.groups, grads.groups)):
        for i, (block, d_block) in enumerate(zip(group.blocks, d_group.blocks)):
            for part in ("attention", "ffn"):
                p = getattr(block, part)
                if id(p) not in met:
                    met.add(id(p))
                    found.append((f"groups.{g}.blocks.{i}.{part}", p.output, getattr(d_block, part).output))
    return found


def derivatives(p: Any, g: Any) -> np.ndarray:
    """∂ loss / ∂ ξ of each row of an output matrix, or of its first factor, float64 on the host"""
    w, dw = (p.u, g.u) if hasattr(p, "u") else (p.w, g.w)
    return backend.to_host((w * dw).sum(1)).astype(np.float64)
