"""embedding: rows of three tables, added."""

from albert_np.core.random import generator
from albert_np.learn.exercise import Case, Exercise, normal, parameters


def make_case(seed: int, N: int, V: int, P: int, S: int, E: int) -> Case:
    rng = generator(seed, "learn embedding ids")
    padding_idx = 4 if seed % 2 else None
    p = parameters(seed, {"word": (V, E), "position": (P, E), "token_type": (S, E)})
    ids, positions, types = (rng.integers(size, size=N) for size in (V, P, S))
    ids[:3] = ids[3]  # a row that is used often
    ids[-2:] = 0 if padding_idx is None else padding_idx
    return Case(
        seed=seed, ids=ids, positions=positions, token_types=types, dy=normal(seed, "dy", N, E), p=p, padding_idx=padding_idx,
        sizes={"N": N, "V": V, "E": E},
    )  # fmt: skip


EXERCISE = Exercise(
    name="embedding",
    title="The gradient of the embedding tables",
    minutes=20,
    needs=("linear",),
    text="""
    y[n] = word[ids[n]] + position[positions[n]] + token_type[token_types[n]]        y (N, E)

    Each token takes one row from each of three tables: word (V, E), position (P, E), token_type (S, E). An id may occur several
    times, and its row then gets a gradient from each of these tokens. Ids are integers, so there is nothing to return.

    If padding_idx is not None, tokens with this id give no gradient to the word table (but do to the others).
    """,
    imports="from collections import namedtuple\n\nimport numpy as np",
    given=("core.layers.embedding.EmbeddingCache", "core.layers.embedding.embedding"),
    more_imports="from albert_np.core.backend import scatter_add",
    solve=("core.layers.embedding.embedding_backward",),
    stub='''
def embedding_backward(dy, cache, g):
    """dy (N, E); adds to g.word (V, E), g.position (P, E) and g.token_type (S, E); returns nothing"""
    ids, positions, token_types, padding_idx = cache
    dword = ...  # (N, E), dy without the padding tokens
    # now add the rows of dword to g.word, and those of dy to g.position and g.token_type
''',
    hints=(
        "Row v of the word table is used by every token n with ids[n] = v, as it is. So its gradient is the sum of their dy[n].",
        "g.word[ids] += dword looks right, but for an id that repeats NumPy keeps only one of the additions.",
        "np.add.at(table, rows, values) adds every one: table[rows[n]] += values[n] for each n.",
        "For the padding token: np.where((ids == padding_idx)[:, None], 0.0, dy). With padding_idx None, dword is dy.",
    ),
    derivation="""
    Row v of the word table moves y[n] by as much as it moves itself, for every token n with id[n] = v. So its gradient is a sum:

        dword[v] = Σ dy[n] over the tokens n with id[n] = v, padding left out        0 for an id that does not occur

    dposition and dtoken_type are the same with position[n] and type[n], and without the exception for padding.
    """,
    make=make_case,
    sizes=((9, 7, 6, 2, 3), (11, 8, 7, 3, 4), (8, 6, 5, 2, 5), (12, 9, 8, 3, 2)),  # N, V, P, S, E
    forward=lambda names, c: names["embedding"](c.ids, c.positions, c.token_types, c.p, c.padding_idx),
    outputs=(),
    steps={"dword": "dy without the padding tokens"},
    large=(512, 300, 64, 2, 64),
    notebook="03_embeddings",
)
