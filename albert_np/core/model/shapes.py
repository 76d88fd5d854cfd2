"""The parameters of the model: their names, shapes and first values. The tree mirrors the functions that read it.

p.embeddings     word (V, E), position (P, E), token_type (S, E), norm (E), projection (E, H)
p.groups[i]      blocks: attention, attention_norm, ffn, ffn_norm; groups that share parameters share the very namespace
p.fusion         one linear (2H, H) per level after the first
p.pooler (H, H)  p.mlm: dense (H, E), norm (E), b (V,)  p.sop (H, 2)
"""

from typing import Any

import numpy as np

from albert_np.core.config import Config
from albert_np.core.params import Form, Tree, fill, zero_tree
from albert_np.core.random import generator


def linear(inputs: int, outputs: int) -> Form:
    return {"w": (inputs, outputs), "b": (outputs,)}


def norm(width: int) -> Form:
    return {"gamma": (width,), "beta": (width,)}


def groups(config: Config) -> list[Form]:
    """One {"blocks": [...]} per group; what `config.sharing` shares is the same dict in all of them."""
    H, F = config.hidden_size, config.intermediate_size
    groups: list[Form] = []
    for _ in range(config.num_groups):
        blocks = [{
            "attention": {name: linear(H, H) for name in ("query", "key", "value", "output")}, "attention_norm": norm(H),
            "ffn": {"intermediate": linear(H, F), "output": linear(F, H)}, "ffn_norm": norm(H),
        } for _ in range(config.inner_group_num)]  # fmt: skip
        groups.append({"blocks": blocks})
        for first, block in zip(groups[0]["blocks"], blocks):
            block.update({name: first[name] for name in block if name.removesuffix("_norm") == config.sharing})
    return groups


def body(config: Config) -> Form:
    """Embeddings, groups and fusion: everything below the heads."""
    E, H = config.embedding_size, config.hidden_size
    embeddings = {
        "word": (config.vocab_size, E), "position": (config.max_position_embeddings, E),
        "token_type": (config.type_vocab_size, E), "norm": norm(E), "projection": linear(E, H),
    }  # fmt: skip
    return {"embeddings": embeddings, "groups": groups(config), "fusion": [linear(2 * H, H) for _ in config.fusion_layers[1:]]}


def pretraining_heads(config: Config) -> Form:
    """Pooler, masked language model (its decoder's matrix is embeddings.word) and sentence order."""
    V, E, H = config.vocab_size, config.embedding_size, config.hidden_size
    return {"pooler": linear(H, H), "mlm": {"dense": linear(H, E), "norm": norm(E), "b": (V,)}, "sop": linear(H, 2)}


def initialise(form: Form, config: Config, seed: int, dtype: Any = "float32") -> Tree:
    """Fresh parameters: matrices and tables truncated normal, biases 0, layer norms 1 and 0 (Google's modeling.py)."""
    tree = zero_tree(form, dtype)
    for name, array in tree.items():
        fill(array, first_value(name, array.shape, config, seed))
    return tree


def first_value(name: str, shape: tuple[int, ...], config: Config, seed: int) -> np.ndarray | float:
    """The first value of a tensor. It is drawn by its name, so a model with one head more starts from the same encoder."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf in ("gamma", "beta", "b"):
        return 1.0 if leaf == "gamma" else 0.0
    return truncated_normal(generator(seed, "init " + name), shape, config.initializer_range)


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Normal numbers, those beyond two deviations drawn again (as Google's initialiser; the realised deviation is .88 of it)."""
    x = rng.standard_normal(shape)
    while (beyond := np.abs(x) > 2).any():
        x[beyond] = rng.standard_normal(int(beyond.sum()))
    return x * deviation
