"""mlm_head: the head of the masked language model, with the word table as its decoder."""

import numpy as np

from albert_np.core.config import Config
from albert_np.core.random import generator
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, N: int, M: int, H: int, E: int, V: int) -> Case:
    norm = {"gamma": (E,), "beta": (E,)}
    mlm = {"dense": {"w": (H, E), "b": (E,)}, "norm": norm, "b": (V,)}
    p = parameters({"embeddings": {"word": (V, E)}, "mlm": mlm}, seed)
    rows = np.sort(generator(seed, "learn mlm_head").choice(N, M, replace=False))
    config = Config(hidden_act="gelu" if seed % 2 else "gelu_new")
    h, dlogits = normal(seed, "h", N, H), normal(seed, "dlogits", M, V)
    return Case(seed=seed, h=h, rows=rows, dlogits=dlogits, p=p, config=config, sizes={"N": N, "M": M, "E": E, "V": V})


EXERCISE = Exercise(
    name="mlm_head",
    title="The gradient of the masked language model's head",
    minutes=30,
    needs=("gather", "layer_norm", "gelu"),
    text="""
    x = the masked rows of h                                                     (M, H)
    t = LN(act(x w + b))        with p.mlm.dense and p.mlm.norm                  (M, E)
    logits = t wordᵀ + b        with p.embeddings.word (V, E) and p.mlm.b (V,)   (M, V)

    The decoder is the word table itself, which the embeddings use as well: its gradient here is added to g.embeddings.word.
    layers.gather_backward, linear_backward, activation_backward and layer_norm_backward are there.
    """,
    imports="from collections import namedtuple\n\nfrom albert_np.core import layers",
    given=("core.model.heads.MlmCache", "core.model.heads.mlm_head"),
    solve=("core.model.heads.mlm_head_backward",),
    stub='''
def mlm_head_backward(dlogits, cache, p, g, config):
    """dlogits (M, V) -> dh (N, H); adds to g.mlm and to g.embeddings.word"""
    c_gather, c_dense, c_act, c_norm, t = cache
    g.embeddings.word += ...  # (V, E)
    g.mlm.b += ...  # (V,)
    dt = ...  # (M, E)
    dt = ...  # (M, E), back through the layer norm: c_norm, p.mlm.norm, g.mlm.norm
    dt = ...  # (M, E), back through the activation: c_act, config.hidden_act
    dx = ...  # (M, H), back through the dense layer: c_dense, p.mlm.dense, g.mlm.dense
    return ...  # (N, H)
''',
    hints=(
        "logits = t @ word.T + b is a linear map whose weight is the transposed table. What would linear_backward compute?",
        "dword = dlogits.T @ t, with the table's own shape (V, E); db = dlogits.sum(0); dt = dlogits @ word.",
        "Then the pieces in reverse: layer_norm_backward(dt, c_norm, p.mlm.norm, g.mlm.norm), activation_backward(dt, c_act, "
        "config.hidden_act), linear_backward(dt, c_dense, p.mlm.dense, g.mlm.dense), gather_backward(dx, c_gather).",
    ),
    derivation="""
    Backward, from the last line to the first:

        logits = t wordᵀ + b        dword = dlogitsᵀ t        db = Σ dlogits over the items        dt = dlogits word
        t = LN(act(x w + b))        back through layer norm, activation and linear map, to dx of the masked rows
        x = rows of h               dh is dx in the masked rows, and 0 in all others

    The product t wordᵀ is a linear map with the weight wordᵀ. Its gradient, tᵀ dlogits, is that of wordᵀ, hence the transpose.
    """,
    make=make_case,
    sizes=((7, 4, 6, 3, 9), (6, 5, 4, 5, 8), (9, 3, 5, 4, 11), (8, 6, 7, 2, 10)),  # N, M, H, E, V
    forward=lambda names, c: names["mlm_head"](c.h, c.rows, c.p, c.config),
    outputs=("dh",),
    steps={"dx": "the gradient of the masked rows"},
    large=(100, 20, 32, 16, 200),
    notebook="10_masking_and_sentence_order",
)
