"""Structured pruning: remove whole attention heads and neurons, which leaves a smaller and faster dense model.

A head is D columns of query, key and value and D rows of the output matrix; a neuron is a column of ffn.intermediate and a row of
ffn.output. Every block keeps its own most important ones; their number is the same in all blocks, since it is in the config.
"""

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree, fill, zero_tree
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import get_heads, shapes

Importance = dict[str, np.ndarray]


def cut(
    config: AlbertConfig, params: Tree, heads: tuple[int, Importance] | None, neurons: tuple[int, Importance] | None
) -> tuple[AlbertConfig, Tree]:
    """Return the smaller model. heads, neurons: (number that stays, importance of each; see importance.py); None: all stay.

    Raises ValueError for numbers below 1 or above those of the model.
    """
    changes: dict[str, int] = {}
    if heads is not None:
        changes |= {"num_attention_heads": _check_count("heads", heads[0], config.num_attention_heads)}
        changes |= {"attention_head_size": config.head_width}
    if neurons is not None:
        changes |= {"intermediate_size": _check_count("neurons", neurons[0], config.intermediate_size)}
    small = config.replace(**changes)
    indices = {name: best_indices(values, heads[0], config.head_width) for name, values in heads[1].items()} if heads else {}
    indices |= {name: best_indices(values, neurons[0], 1) for name, values in neurons[1].items()} if neurons else {}
    tree = zero_tree(shapes(small, get_heads(params)), params.flat.dtype, params.flat)
    old = dict(params.items())
    for name, array in tree.items():
        fill(array, _select(name, backend.to_host(old[name]), indices))
    return small, tree


def _check_count(what: str, count: int, most: int) -> int:
    if not 1 <= count <= most:
        raise ValueError(f"{what}: expected 1 to {most} that stay, got {count}")
    return count


def best_indices(importance: np.ndarray, count: int, width: int) -> np.ndarray:
    """Return the indices of the `count` most important units, each `width` wide, in their old order."""
    best = np.sort(np.argsort(-importance, kind="stable")[:count])
    return (best[:, None] * width + np.arange(width)).reshape(-1)


def _select(name: str, value: np.ndarray, indices: dict[str, np.ndarray]) -> np.ndarray:
    """Return tensor OWNER.LINEAR.LEAF with the given units of its owner. The dimension between u and v is the rank, and stays."""
    owner, linear, leaf = name.rsplit(".", 2) if name.count(".") > 2 else (name, "", "")
    if owner not in indices:
        return value
    if linear == "output":
        return value[indices[owner]] if leaf in ("w", "u") else value
    return value if leaf == "u" else value[..., indices[owner]]
