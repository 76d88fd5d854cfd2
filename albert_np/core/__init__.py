"""ALBERT ("A Lite BERT", Lan et al. 2020), from a packed batch to a parameter update. The code here is the code that runs, unless
a faster version has been registered for it (`core.active()` says so; ALBERT_NP_REFERENCE=1 runs exactly what stands here).

Notation, the papers' own letters:

    N  tokens of the batch, one row each      V  vocabulary               L  layers
    B  sequences of the batch                 E  embedding width          M  masked positions
    T  tokens of one sequence                 H  hidden width             C  classes
    A  heads        D  = H / A                F  feed-forward width
    dz is the derivative of the loss with respect to z, and has its shape. Weights are stored (in, out): y = x w + b.

The protocol of a layer:

    y, cache = f(x, p, ...)                   p: parameters, such as p.w and p.b
    dx = f_backward(dy, cache, p, g, ...)     g: their gradients, the same tree; a backward pass only ever adds to it

    The cache is a value that the caller holds; nothing is stored on an object. A layer that is applied twelve times, as ALBERT's
    is, has twelve caches and one g, in which the gradients of all its uses add up.

There is no padding: a batch is its tokens end to end, activations are (N, H), and `Sequences` says which rows belong together.

Read these files in this order (lines):

READING
"""

from albert_np.core.dispatch import active, op, override, reference

__all__ = ["active", "op", "override", "reference"]
