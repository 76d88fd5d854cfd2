"""pretraining: the whole model, from two losses to every tensor."""

from typing import Any

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.model.shapes import body, pretraining_heads
from albert_np.core.random import RandomKey, generator
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, gradients, normal

LABELS = (("mlm", "sop"), ("mlm", "sop"), ("mlm",), ("sop",))  # a batch may have labels for one loss alone


def make_case(seed: int, lengths: tuple[int, ...], V: int, E: int, H: int, L: int) -> Case:
    config = Config(
        vocab_size=V, embedding_size=E, hidden_size=H, num_hidden_layers=L, num_attention_heads=2, intermediate_size=H + 1,
        max_position_embeddings=6, fusion_layers=(1, L), hidden_dropout_prob=0.2,
    )  # fmt: skip
    N, rng, losses = sum(lengths), generator(seed, "learn pretraining"), LABELS[seed % len(LABELS)]
    masked = np.sort(rng.choice(N, 3, replace=False)) if "mlm" in losses else None
    batch = Batch.pack(
        rng.integers(1, V, size=N), np.array(lengths), rng.integers(2, size=N), np.concatenate([np.arange(T) for T in lengths]),
        masked_rows=masked, masked_labels=None if masked is None else rng.integers(1, V, size=3),
        order_labels=rng.integers(2, size=len(lengths)) if "sop" in losses else None,
    )  # fmt: skip
    dhidden = [normal(seed, f"dhidden {l}", N, H) for l in range(L + 1)] if seed % 2 else None
    return Case(
        seed=seed, batch=batch, p=parameters(body(config) | pretraining_heads(config), seed), config=config,
        dloss=0.7 + 0.1 * (seed % 3), dh=normal(seed, "dh", N, H), dhidden=dhidden, key=RandomKey(seed, 1),
        sizes={"N": N, "H": H, "E": E},
    )  # fmt: skip


def by_part(results: dict[str, Any], prefix: str, parts: tuple[str, ...]) -> dict[str, Any]:
    """Return the gradients of each part of the model as one flat array; those of each embedding table by themselves."""
    joined: dict[str, list[Any]] = {}
    for name, value in results.items():
        path = name.split(".")
        if path[1] in parts:
            joined.setdefault(".".join(path[: 3 if path[1] == "embeddings" else 2]), []).append(value.reshape(-1))
    return {prefix + name: np.concatenate(values) for name, values in joined.items()}


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    dhidden = None if c.dhidden is None else [d.astype(c.dh.dtype) for d in c.dhidden]

    def encode(g: Any) -> None:
        names["encode_backward"](c.dh, cache.c_encode, c.p, g, c.config, c.batch, dhidden)

    def pretraining(g: Any) -> None:
        names["pretraining_backward"](c.dloss, cache, c.p, g, c.config, c.batch)

    body_parts = ("embeddings", "groups", "fusion")
    return {
        "encode_backward": lambda: by_part(gradients(c, encode, ()), "encode: ", body_parts),
        "pretraining_backward": lambda: by_part(gradients(c, pretraining, ()), "", (*body_parts, "pooler", "mlm", "sop")),
    }


EXERCISE = Exercise(
    name="pretraining",
    title="The gradient of the whole model",
    minutes=40,
    needs=("embeddings", "encoder", "mlm_head", "order_head", "cross_entropy"),
    text="""
    h = fuse(encoder(embeddings(batch)))                       the body; h (N, H) is what both heads read
    loss = cross_entropy(mlm_head(h)) + cross_entropy(order_head(h))

    Everything comes together: two losses flow through two heads into one h, and from there through the body into the tables.
    Write two functions. encode_backward goes through the body: fusion of hidden states, encoder, embeddings.
    pretraining_backward goes through losses and heads, and then calls encode_backward.
    A batch may have labels for one of the losses alone; the cache of the other, cache.c_mlm or cache.c_sop, is None then.

    The pieces are there, each with its cache:
      fuse_levels_backward(dh, cache, p.fusion, g.fusion, config.fusion_layers, L) -> a list of L + 1 gradients or None
      encoder_backward(that list, cache, p.groups, g.groups, batch.sequences, config) -> dx
      embeddings_backward(dx, cache, p.embeddings, g.embeddings)
      cross_entropy_backward(dloss, cache) -> dlogits
      mlm_head_backward(dlogits, cache, p, g, config) -> dh        order_head_backward(dlogits, cache, p, g) -> dh
    dhidden, if it is not None, has gradients that reach the L + 1 hidden states directly; pretraining does not use it.
    """,
    imports="from collections import namedtuple\n\nimport numpy as np\n\n"
    "from albert_np.core.layers import cross_entropy_backward, fuse_levels, fuse_levels_backward\n"
    "from albert_np.core.model.albert import Results, classification_loss\n"
    "from albert_np.core.model.embeddings import embeddings, embeddings_backward\n"
    "from albert_np.core.model.encoder import encoder, encoder_backward\n"
    "from albert_np.core.model.heads import mlm_head, mlm_head_backward, order_head, order_head_backward",
    given=(
        "core.model.albert.EncodeCache",
        "core.model.albert.PretrainingCache",
        "core.model.albert.encode",
        "core.model.albert.pretraining",
    ),
    solve=("core.model.albert.encode_backward", "core.model.albert.pretraining_backward"),
    stub='''
def encode_backward(dh, cache, p, g, config, batch, dhidden=None):
    """dh (N, H); dhidden: L + 1 of (N, H), or None; adds to g.embeddings, g.groups and g.fusion"""
    L = config.num_hidden_layers
    dlevels = ...  # L + 1 of (N, H) or None
    if dhidden is not None:
        dlevels = ...  # what comes through the fusion, and what comes directly
    dx = ...  # (N, H)
    # and into the embeddings


def pretraining_backward(dloss, cache, p, g, config, batch):
    """dloss (); adds to every tensor of g"""
    dh = np.zeros_like(cache.h)  # (N, H)
    if cache.c_mlm:
        c_head, c_loss = cache.c_mlm
        dlogits = ...  # (M, V)
        dh += ...  # (N, H)
    if cache.c_sop:
        c_head, c_loss = cache.c_sop
        dlogits = ...  # (B, 2)
        dh += ...  # (N, H)
    # and into the body
''',
    hints=(
        "Begin with encode_backward, which is graded by itself. The caches are cache.c_fusion, cache.c_encoder and "
        "cache.c_embeddings, and each piece takes its own part of p and g.",
        "The gradient of a loss goes through cross_entropy_backward and then through its head. Both heads read h, so dh is "
        "a sum of two: dh += ... twice.",
        "Gradients of one level that come by two ways add up; None stands for no gradient: "
        "[more if d is None else d + more for d, more in zip(dlevels, dhidden)].",
        "dlogits = cross_entropy_backward(dloss, c_loss); dh += mlm_head_backward(dlogits, c_head, p, g, config); the same with "
        "order_head_backward(dlogits, c_head, p, g); at last encode_backward(dh, cache.c_encode, p, g, config, batch).",
    ),
    derivation="""
    Backward, from the losses to the tables:

        loss = mlm + sop           dloss reaches both; each goes through its cross-entropy to the logits of its head
        two heads read h           dh = dh through the one head + dh through the other
        h = fuse(hidden states)    a gradient for each level that is fused, None for the others
        encoder                    from the last layer to the first; every layer adds to the g that they share
        embeddings                 the three tables. The word table has had a part from the decoder of the masked-word head;
                                   the lookup's part is added to it

    Nothing here is new mathematics. There are two rules: what is used twice gets the sum, and the last comes first.
    """,
    make=make_case,
    sizes=(((4, 1, 3), 7, 3, 4, 2), ((3, 5), 9, 4, 6, 3), ((2, 1, 4), 8, 5, 6, 2), ((5, 2), 11, 3, 8, 3)),  # lengths, V, E, H, L
    forward=lambda names, c: (lambda y: (y[0].loss, y[1]))(names["pretraining"](c.batch, c.p, c.config, None, c.key)),
    calls=calls,
    notebook="08_one_layer_twelve_times",
)
