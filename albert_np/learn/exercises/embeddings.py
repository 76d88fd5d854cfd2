"""embeddings: ALBERT's factorised embeddings, whole."""

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.random import RandomKey, generator
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal


def make_case(seed: int, N: int, V: int, P: int, S: int, E: int, H: int) -> Case:
    rng, lengths = generator(seed, "learn embeddings"), np.array([N - 3, 1, 2])
    ids, positions, types = (rng.integers(size, size=N) for size in (V, P, S))
    batch = Batch.pack(ids, lengths, types, positions)
    form = {"word": (V, E), "position": (P, E), "token_type": (S, E), "norm": {"gamma": (E,), "beta": (E,)}}
    p = parameters(form | {"projection": {"w": (E, H), "b": (H,)}}, seed)
    config = Config(hidden_dropout_prob=0.3, layer_norm_eps=1e-5)
    key = RandomKey(seed, 1, rows=batch.random_rows)
    sizes = {"N": N, "E": E, "H": H}
    return Case(seed=seed, batch=batch, dx=normal(seed, "dx", N, H), p=p, config=config, key=key, sizes=sizes)


EXERCISE = Exercise(
    name="embeddings",
    title="The gradient of ALBERT's factorised embeddings",
    minutes=20,
    needs=("embedding", "layer_norm", "dropout"),
    text="""
    e = word[ids] + position[positions] + token_type[token_types]        (N, E)
    x = drop(LN(e)) w + b                                                (N, H)

    With a small E, the tables of width E and the projection (E, H) have far fewer parameters than tables of width H.
    The backward passes are there: layers.linear_backward, dropout_backward, layer_norm_backward and embedding_backward, which
    adds to the three tables of g. The caches are c_tables, c_norm, c_dropout and c_projection.
    """,
    imports="from collections import namedtuple\n\nfrom albert_np.core import layers",
    given=("core.model.embeddings.EmbeddingsCache", "core.model.embeddings.embeddings"),
    solve=("core.model.embeddings.embeddings_backward",),
    stub='''
def embeddings_backward(dx, cache, p, g):
    """dx (N, H); adds to every tensor of g; returns nothing, as ids have no gradient"""
    de = ...  # (N, E), back through the projection: p.projection, g.projection
    de = ...  # (N, E), back through the dropout
    de = ...  # (N, E), back through the layer norm: p.norm, g.norm
    # and into the tables
''',
    hints=(
        "Four operations, run backwards: projection, dropout, layer norm, tables. Each takes what the one before it returned.",
        "de = layers.linear_backward(dx, cache.c_projection, p.projection, g.projection), then "
        "layers.dropout_backward(de, cache.c_dropout).",
        "layers.layer_norm_backward(de, cache.c_norm, p.norm, g.norm), and at last "
        "layers.embedding_backward(de, cache.c_tables, g).",
    ),
    derivation="""
    Backward, from the last operation to the first; each line is a backward pass that you have:

        projection     dw = (drop LN e)ᵀ dx        db = Σ dx over the tokens        de = dx wᵀ
        dropout        de = de · mask / (1 - rate)
        layer norm     de = the gradient of its input, and those of gamma and beta
        tables         word[ids[n]], position[positions[n]] and token_type[token_types[n]] each get de[n], summed over the tokens
    """,
    make=make_case,
    sizes=((9, 7, 6, 2, 5, 4), (11, 8, 7, 3, 4, 6), (8, 6, 5, 2, 6, 7), (12, 9, 8, 3, 7, 5)),  # N, V, P, S, E, H
    forward=lambda names, c: names["embeddings"](c.batch, c.p, c.config, c.key),
    outputs=(),
    steps={"de": "the gradient of the sum of the three tables"},
    large=(256, 300, 64, 2, 32, 48),
    notebook="03_embeddings",
)
