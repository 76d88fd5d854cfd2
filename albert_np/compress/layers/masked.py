"""Apply a pruning mask to a weight.

    y = w ⊙ s            s: 1 for weights that stay, 0 for pruned ones

    dw = dy ⊙ s          pruned weights have no gradient
    ds = dy ⊙ w          the sensitivity of the loss to the mask

Movement pruning is based on ds (Sanh et al. 2020, equation 4): weights are ranked by a score S, which is learned by gradient
descent as if it were the mask itself, S ← S - α dy ⊙ w. The score of a weight that moves away from zero grows.
"""

from typing import Any


def apply_mask(w: Any, s: Any) -> tuple[Any, Any]:
    """w and s of the same shape -> y"""
    return w * s, (w, s)


def apply_mask_backward(dy: Any, cache: Any) -> tuple[Any, Any]:
    """dy -> dw, ds"""
    w, s = cache
    return dy * s, dy * w
