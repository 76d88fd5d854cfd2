"""Cutting whole heads and whole neurons away: what is left is an ordinary, smaller model, and as much faster.

A head is D columns of query, key and value and D rows of the output matrix; a neuron a column of ffn.intermediate and a row of
ffn.output. Every block keeps its own best ones, and as many as every other: the config has one number for each.
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
    """heads, neurons: how many stay, and what each is worth (see importance.py); None: all stay -> the smaller model

    ValueError if none would stay, or more than there are.
    """
    changes: dict[str, int] = {}
    if heads is not None:
        changes |= {"num_attention_heads": _some("heads", heads[0], config.num_attention_heads)}
        changes |= {"attention_head_size": config.head_width}
    if neurons is not None:
        changes |= {"intermediate_size": _some("neurons", neurons[0], config.intermediate_size)}
    small = config.replace(**changes)
    kept = {name: places(worth, heads[0], config.head_width) for name, worth in heads[1].items()} if heads else {}
    kept |= {name: places(worth, neurons[0], 1) for name, worth in neurons[1].items()} if neurons else {}
    tree = zero_tree(shapes(small, get_heads(params)), params.flat.dtype, params.flat)
    given = dict(params.items())
    for name, array in tree.items():
        fill(array, _taken(name, backend.to_host(given[name]), kept))
    return small, tree


def _some(what: str, count: int, there: int) -> int:
    if not 1 <= count <= there:
        raise ValueError(f"{what}: expected 1 to {there} that stay, got {count}")
    return count


def places(worth: np.ndarray, count: int, width: int) -> np.ndarray:
    """The places of the `count` best, each `width` wide, in their old order."""
    best = np.sort(np.argsort(-worth, kind="stable")[:count])
    return (best[:, None] * width + np.arange(width)).reshape(-1)


def _taken(name: str, value: np.ndarray, kept: dict[str, np.ndarray]) -> np.ndarray:
    """A tensor OWNER.LINEAR.LEAF without what is cut away of its owner. What lies between u and v is the rank, and stays."""
    owner, linear, leaf = name.rsplit(".", 2) if name.count(".") > 2 else (name, "", "")
    if owner not in kept:
        return value
    if linear == "output":
        return value[kept[owner]] if leaf in ("w", "u") else value
    return value if leaf == "u" else value[..., kept[owner]]
