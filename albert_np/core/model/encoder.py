"""The encoder: L layers, and for ALBERT the same parameters in each of them.

Layer l is computed by group ⌊l G / L⌋, which runs its inner_group_num blocks one after the other. A group's parameters are
used in every layer that it computes; `block_backward` adds to the same g each time, so the gradient is the sum over the uses.
"""

from typing import Any

from albert_np.core.config import Config
from albert_np.core.model.block import block, block_backward
from albert_np.core.random import Dropout
from albert_np.core.sequences import Sequences


def layer(x: Any, p: Any, sequences: Sequences, config: Config, rng: Dropout | None, l: int, read: Any = None) -> tuple[Any, Any]:
    """All blocks of one layer; p: its group.   x (N, H) -> y (N, H), of which only the rows `read` are needed (None: all)"""
    caches = []
    for i, p_block in enumerate(p.blocks):
        last = i == len(p.blocks) - 1
        x, cache = block(x, p_block, sequences, config, rng, l * config.inner_group_num + i, read if last else None)
        caches.append(cache)
    return x, caches


def layer_backward(dy: Any, caches: Any, p: Any, g: Any, sequences: Sequences, config: Config) -> Any:
    """dy (N, H) -> dx (N, H); adds into the blocks of the group"""
    for cache, p_block, g_block in zip(reversed(caches), reversed(p.blocks), reversed(g.blocks)):
        dy = block_backward(dy, cache, p_block, g_block, sequences, config)
    return dy


def encoder(
    x: Any, groups: Any, sequences: Sequences, config: Config, rng: Dropout | None, read: Any = None
) -> tuple[list[Any], Any]:
    """x (N, H) -> hidden states, L + 1 of (N, H), the first of them x. read: (R,) rows of the last one that are needed, or all"""
    hidden, caches = [x], []
    for l in range(config.num_hidden_layers):
        last = l == config.num_hidden_layers - 1
        x, cache = layer(x, groups[config.group_of(l)], sequences, config, rng, l, read if last else None)
        hidden.append(x)
        caches.append(None if config.recompute else cache)  # what is left out here is computed again from hidden[l]
    return hidden, (hidden, caches, rng, read)


def encoder_backward(dhidden: list[Any], cache: Any, groups: Any, g_groups: Any, sequences: Sequences, config: Config) -> Any:
    """dhidden: for each of the L + 1 hidden states the gradient (N, H) that reaches it from above, or None -> dx (N, H)"""
    hidden, caches, rng, read = cache
    dx = dhidden[-1]
    for l in reversed(range(config.num_hidden_layers)):
        p, g, c = groups[config.group_of(l)], g_groups[config.group_of(l)], caches[l]
        if c is None:
            _, c = layer(hidden[l], p, sequences, config, rng, l, read if l == config.num_hidden_layers - 1 else None)
        dx = layer_backward(dx, c, p, g, sequences, config)
        if dhidden[l] is not None:
            dx = dx + dhidden[l]
    return dx
