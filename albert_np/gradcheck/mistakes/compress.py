"""Mistakes in the operations of compressed weights: factored, masked, rounded. Their checks are in compress/layers/checks.py."""

from albert_np.gradcheck.mistakes.layers import ASSIGNED
from albert_np.gradcheck.mistakes.mistake import mistakes_in

MISTAKES = [
    *mistakes_in("compress.layers.factored.linear_backward", "linear, in factors",
        ("g.v += (x @ p.u).T @ dy", "g.v[...] = (x @ p.u).T @ dy", ASSIGNED),
        ("g.u += x.T @ dxu", "g.u[...] = x.T @ dxu", ASSIGNED),
        ("(x @ p.u).T @ dy", "(x @ g.u).T @ dy", "The gradient of the first factor is used instead of the factor itself."),
        ("dxu = dy @ p.v.T", "dxu = dy @ p.v.T / len(p.v)", "The gradient is divided by the rank; the formula has a sum."),
        ("g.u += x.T @ dxu", "g.u += x.T @ (dxu * dxu)",
         "A gradient is linear in the gradient from above, which is squared here."),
        ("dxu @ p.u.T", "dxu @ p.u.T + x", "The input is added to its gradient."),
    ),
    *mistakes_in("compress.layers.masked.apply_mask_backward", "masked",
        ("dy * s, dy * w", "dy * s, dy * s", "The mask multiplies the weight, so its gradient has the weight as a factor."),
        ("dy * s, dy * w", "dy, dy * w", "Pruned weights get a gradient: the mask is missing."),
        ("dy * s, dy * w", "dy * s, -dy * w", "The gradient of the mask has the wrong sign."),
        ("dy * s, dy * w", "dy * s, dy * s * w", "Only the weights that stay are scored; pruned ones could never return."),
    ),
    *mistakes_in("compress.layers.fake_quantise.fake_quantise_backward", "fake_quantise, straight through",
        ("dy * inside", "dy", "Beyond the ends of the grid the output is constant, so no gradient passes there."),
        ("dy * inside", "dy * ~inside", "The gradient passes where the weight was clipped, which is the wrong side."),
        ("dy * inside", "dy * inside * 0.5", "Straight through means a derivative of 1, not of one half."),
    ),
]  # fmt: skip
