"""The encoder: L layers, and for ALBERT the same parameters in each of them.

Layer l is computed by group ⌊l G / L⌋, which runs its inner_group_num blocks one after the other. The parameters of a group are
used in every layer that it computes; `block_backward` adds to the same g each time, so the gradient is the sum over the uses.
"""

from collections import namedtuple

from albert_np.core.config import Config
from albert_np.core.dispatch import Array, Cache, op
from albert_np.core.model.block import block, block_backward
from albert_np.core.params import Namespace
from albert_np.core.random import Key
from albert_np.core.sequences import Sequences

EncoderCache = namedtuple("EncoderCache", "hidden c_layers dropout_key")


@op
def layer(x: Array, p: Namespace, sequences: Sequences, config: Config, dropout_key: Key, l: int) -> tuple[Array, list[Cache]]:
    """All blocks of layer l; p: its group.   x (N, H) -> y (N, H)"""
    caches = []
    for i, p_block in enumerate(p.blocks):
        x, cache = block(x, p_block, sequences, config, dropout_key, l * config.inner_group_num + i)  # (N, H)
        caches.append(cache)
    return x, caches


@op
def layer_backward(dy: Array, cache: list[Cache], p: Namespace, g: Namespace, sequences: Sequences, config: Config) -> Array:
    """dy (N, H) -> dx (N, H); adds to the blocks of the group"""
    for c, p_block, g_block in zip(reversed(cache), reversed(p.blocks), reversed(g.blocks)):
        dy = block_backward(dy, c, p_block, g_block, sequences, config)  # (N, H)
    return dy


@op
def encoder(x: Array, p: list[Namespace], sequences: Sequences, config: Config, dropout_key: Key) -> tuple[list[Array], Cache]:
    """x (N, H), p: the tree's `groups` -> hidden states, L + 1 of (N, H), the first of them x"""
    hidden, c_layers = [x], []
    for l in range(config.num_hidden_layers):
        x, cache = layer(x, p[config.group_of(l)], sequences, config, dropout_key, l)  # (N, H)
        hidden.append(x)
        c_layers.append(None if config.recompute else cache)  # recompute: computed again from hidden[l]
    return hidden, EncoderCache(hidden, c_layers, dropout_key)


@op
def encoder_backward(
    dhidden: list[Array | None], cache: EncoderCache, p: list[Namespace], g: list[Namespace], sequences: Sequences, config: Config
) -> Array:
    """dhidden: gradients (N, H) of the L + 1 hidden states from above; None: no gradient, but not for the last -> dx (N, H)"""
    dx = dhidden[-1]
    for l in reversed(range(config.num_hidden_layers)):
        group, c = config.group_of(l), cache.c_layers[l]
        if c is None:
            _, c = layer(cache.hidden[l], p[group], sequences, config, cache.dropout_key, l)
        dx = layer_backward(dx, c, p[group], g[group], sequences, config)  # (N, H)
        if dhidden[l] is not None:
            dx = dx + dhidden[l]
    return dx
