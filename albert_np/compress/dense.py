"""Convert a compressed model to an ordinary ALBERT with the same outputs, for other programs.

removed heads                come back as zeros: v = 0, so they add nothing
low-rank factors             w = u v
"""

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree, fill, zero_tree
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import get_heads, shapes


def densify(config: AlbertConfig, params: Tree) -> tuple[AlbertConfig, Tree]:
    """Return the config and the parameters of the ordinary model; the given ones if there is nothing to do.

    Raises ValueError if hidden_size is not a multiple of the width of a head: no ordinary model has such heads.
    """
    D, H = config.head_width, config.hidden_size
    if config.num_attention_heads * D == H and not config.ranks:
        return config, params
    if H % D or config.num_attention_heads * D > H:
        raise ValueError(f"ALBERT's heads are hidden_size / num_attention_heads wide, which {D} cannot be of {H}")
    ordinary = config.replace(num_attention_heads=H // D, attention_head_size=None, ranks={})
    tree = zero_tree(shapes(ordinary, get_heads(params)), params.flat.dtype, like=params.flat)
    values = {name: backend.to_host(array) for name, array in params.items()}
    for name, array in tree.items():
        value = values[name] if name in values else multiply_factors(values, name)
        fill(array[tuple(slice(size) for size in value.shape)], value)
    return ordinary, tree


def multiply_factors(values: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return w = u v, in float64."""
    u, v = (values[name.removesuffix("w") + leaf].astype(np.float64) for leaf in "uv")
    return u @ v
