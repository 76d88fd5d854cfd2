"""A weight behind a mask, as pruning leaves it.

    y = w ⊙ s            s: 1 for what stays, 0 for what is pruned

    dw = dy ⊙ s          what is pruned has no gradient
    ds = dy ⊙ w          how the loss changes if the entry is let in a little more

ds is what movement pruning goes by (Sanh et al. 2020, equation 4): entries are ranked by their score S, which is learned by
descent on ds as if the mask were the score itself, S ← S - α dy ⊙ w. A weight that moves away from zero gains, one that moves
towards it loses.
"""

from typing import Any


def masked(w: Any, s: Any) -> tuple[Any, Any]:
    """w and s of one shape -> y"""
    return w * s, (w, s)


def masked_backward(dy: Any, cache: Any) -> tuple[Any, Any]:
    """dy -> dw, ds"""
    w, s = cache
    return dy * s, dy * w
