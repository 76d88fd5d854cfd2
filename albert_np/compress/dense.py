"""A compressed model as an ordinary ALBERT that computes the same: what other programs can be given.

heads that were cut away     come back as zeros: v = 0, so they add nothing
w in two factors             w = u v
"""

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree, fill, zero_tree
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import get_heads, shapes


def dense(config: AlbertConfig, params: Tree) -> tuple[AlbertConfig, Tree]:
    """The config and the parameters of the ordinary model; the same ones where there is nothing to do.

    ValueError if hidden_size is no multiple of the width of a head: no ordinary model has such heads.
    """
    D, H = config.head_width, config.hidden_size
    if config.num_attention_heads * D == H and not config.ranks:
        return config, params
    if H % D or config.num_attention_heads * D > H:
        raise ValueError(f"ALBERT's heads are hidden_size / num_attention_heads wide, which {D} cannot be of {H}")
    plain = config.replace(num_attention_heads=H // D, attention_head_size=None, ranks={})
    tree = zero_tree(shapes(plain, get_heads(params)), params.flat.dtype, like=params.flat)
    given = {name: backend.to_host(array) for name, array in params.items()}
    for name, array in tree.items():
        value = given[name] if name in given else product(given, name)
        fill(array[tuple(slice(size) for size in value.shape)], value)
    return plain, tree


def product(given: dict[str, np.ndarray], name: str) -> np.ndarray:
    """w = u v, in float64."""
    u, v = (given[name.removesuffix("w") + leaf].astype(np.float64) for leaf in "uv")
    return u @ v
