"""The parameters of the public classes: those of `core`, the tasks' heads, and the factored and narrowed ones of `compress`."""

import copyreg
import math
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from albert_np.core.dispatch import Array
from albert_np.core.model import shapes as core_shapes
from albert_np.core.model.shapes import linear
from albert_np.core.params import Form, Tree, fill, zero_tree
from albert_np.models.config import AlbertConfig

BODY = ("embeddings", "groups", "fusion")


def shapes(config: AlbertConfig, heads: tuple[str, ...] = ("pooler", "mlm", "sop")) -> Form:
    """Return the form of a model's tree: the body and these heads, each one of pooler, mlm, sop, task, relation and choice."""
    H, C = config.hidden_size, config.num_labels
    known = core_shapes.pretraining_heads(config) | {"task": linear(H, C), "relation": linear(2 * H, C), "choice": linear(H, 1)}
    form = core_shapes.body(config)
    for group in form["groups"]:
        for block in group["blocks"]:
            _narrow(block["attention"], config)
            _factor(block, config)
    return form | {head: known[head] for head in heads}


def _narrow(attention: Form, config: AlbertConfig) -> None:
    """After heads were removed, queries, keys and values are A · D wide, not H. In place, as groups may share the dict."""
    H, W = config.hidden_size, config.num_attention_heads * config.head_width
    for name in attention:
        attention[name] = linear(W, H) if name == "output" else linear(H, W)


def _factor(block: Form, config: AlbertConfig) -> None:
    """Replace the weights that config.ranks names by two factors each, in place."""
    for name, rank in config.ranks.items():
        layer, weight = name.split(".")
        if "w" in block[layer][weight]:  # a shared dict is processed once per occurrence
            factored = import_module("albert_np.compress.layers.factored")  # registers `linear` for factored weights
            block[layer][weight] = factored.FactoredForm(*block[layer][weight]["w"], rank)


def get_heads(params: Tree) -> tuple[str, ...]:
    """Return the names of a tree's heads, as in `shapes`."""
    return tuple(name for name in params.form if name not in BODY)


def checked_dtype(dtype: DTypeLike) -> np.dtype:
    """Return float16, float32 or float64 as a NumPy dtype; ValueError for others."""
    if str(dtype) not in ("float16", "float32", "float64") and dtype not in (np.float16, np.float32, np.float64):
        raise ValueError(f"dtype: expected float32 or float64 (or float16), got {dtype!r}")
    return np.dtype(dtype)


def initialise(form: Form, config: AlbertConfig, seed: int, dtype: DTypeLike) -> Tree:
    """Return initial parameters, see `first_value`."""
    tree = zero_tree(form, checked_dtype(dtype))
    for name, array in tree.items():
        fill(array, first_value(name, array.shape, config, seed))
    return tree


def first_value(name: str, shape: tuple[int, ...], config: AlbertConfig, seed: int) -> np.ndarray | float:
    """Return the initial value of a tensor, as in `core`; two factors are drawn so that their product has the usual deviation."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf in ("u", "v"):  # u v sums over the rank
        deviation = math.sqrt(config.initializer_range / math.sqrt(shape[1 if leaf == "u" else 0]))
        return core_shapes.truncated_normal(core_shapes.generator(seed, "init " + name), shape, deviation)
    return core_shapes.first_value(name, shape, config, seed)


def _make_tree(form: Form, flat: Array) -> Tree:
    """Return a tree with the numbers of a flat buffer, in a buffer of its own, which can be written to."""
    tree = zero_tree(form, flat.dtype, flat)
    tree.flat[...] = flat
    return tree


def _reduce_tree(tree: Tree) -> tuple[Any, tuple[Form, Array]]:
    return _make_tree, (tree.form, tree.flat)


# `copy.deepcopy` and `pickle` would copy every tensor by itself, so that none of them were a view of the flat buffer any more
copyreg.pickle(Tree, _reduce_tree)  # type: ignore[arg-type]
