"""ALBERT ("A Lite BERT", Lan et al. 2020), from a packed batch to a parameter update. The code here is the code that runs, unless
a faster version has been registered for it (`core.active()` says so; ALBERT_NP_REFERENCE=1 runs exactly what stands here).

Notation, the papers' own letters:

    N  tokens of the batch, one row each      V  vocabulary               L  layers
    B  sequences of the batch                 E  embedding width          M  masked positions
    T  tokens of one sequence                 H  hidden width             C  classes
    A  heads, D = H / A                       F  feed-forward width       G  groups of layers with parameters of their own
    P  positions, S segments: rows of the two small embedding tables     I, O, W  widths in, out, or any
    dz is the derivative of the loss with respect to z, and has its shape. Weights are stored (in, out): y = x w + b.

The protocol of a layer:

    y, cache = f(x, p, ...)                   p: parameters, such as p.w and p.b
    dx = f_backward(dy, cache, p, g, ...)     g: their gradients, the same tree; a backward pass only ever adds to it

    The cache is a value that the caller holds; nothing is stored on an object. Layers without parameters have neither p nor g. A
    layer that is applied twelve times, as ALBERT's is, has twelve caches and one g, in which the gradients of its uses add up.
    There is no padding: a batch is its tokens end to end, activations are (N, H); `Sequences` says which rows belong together.

Read these files in this order (lines), and the others of the folder where these use them:

     1  layers/linear.py            27  the affine map: the simplest layer, derived element by element
     2  layers/layer_norm.py        44  every row to mean 0 and variance 1
     3  layers/softmax.py           25  scores to weights that sum to 1
     4  layers/attention.py         98  tokens look up tokens of their own sequence
     5  layers/feed_forward.py      27  two linear maps with an activation between them
     6  layers/add_norm.py          28  residual connection, dropout and layer norm
     7  model/block.py              45  attention and feed-forward, each with its add_norm
     8  model/encoder.py            61  one block applied L times: shared parameters, summed gradients
     9  layers/embedding.py         37  three tables: token, position, segment
    10  model/embeddings.py         36  the factorised embeddings: tables of width E, projected to H
    11  layers/gather.py            21  some rows of many
    12  layers/pooler.py            29  the first token's row as a vector for the sequence
    13  model/heads.py              55  masked language model with tied table, and sentence order
    14  layers/cross_entropy.py     49  the loss
    15  model/albert.py            100  all of it, forward and backward
    16  optim/adamw.py              90  AdamW, and LAMB: the same with a trust ratio per tensor
    17  optim/clip.py               22  clipping by the global norm
    18  optim/schedule.py           15  warm-up and decay of the learning rate
    19  train.py                    82  the training loop, which runs by itself
"""

from albert_np.core.dispatch import active, op, override, reference

__all__ = ["active", "op", "override", "reference"]
