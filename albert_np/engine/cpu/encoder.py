"""Kernel of core/model/encoder.py. With `recompute` the backward pass computes again what is cheap; what is dear is stored.

All arrays (N, H) of a block take the same memory, but save very different amounts of work. Measured in products (N, H) (H, H), of
which a block's forward pass has 12 and its backward pass 24, with F = 4 H:

    stored                              arrays    saves     how it is computed again
    normalised rows of both norms       2         5         x and h follow from them in two passes each, without a product
    dropout masks, a bit per element    1/16      -         drawing them takes fifty times as long as packing and unpacking
    q, k, v                             3         3         a product each
    z, the feed-forward's wide array    4         4         a product of four times the size
    context                             1         1/3       the small products of the attention

The first two lines are stored: a block stores 2 arrays of 12, and its backward pass repeats 7 of the 12 products. (The reference
stores x alone and repeats all 12.) Each further array would save at most one more. Results keep every bit.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from albert_np.core import layers
from albert_np.core.config import Config
from albert_np.core.dispatch import Array, Cache, untagged
from albert_np.core.model.block import BlockCache, block_keys
from albert_np.core.model.encoder import EncoderCache, layer, layer_backward
from albert_np.core.params import Namespace
from albert_np.core.random import Key
from albert_np.core.sequences import Sequences
from albert_np.engine.cpu import add_norm, attention, feed_forward
from albert_np.engine.kernels import retagged
from albert_np.engine.output_rows import LastBlockCache

# inputs: x (N, H) of each layer, None where it follows from the layer below; c_layers: compact caches, None: nothing is stored
CompactCache = namedtuple("CompactCache", "inputs c_layers dropout_key")
_forward_only: ContextVar[bool] = ContextVar("forward_only", default=False)


@contextmanager
def forward_only() -> Iterator[None]:
    """Within it no backward pass follows in this thread: with `recompute`, nothing is stored for one."""
    token = _forward_only.set(True)
    try:
        yield
    finally:
        _forward_only.reset(token)


def encoder(x: Array, p: list[Namespace], sequences: Sequences, config: Config, dropout_key: Key) -> tuple[list[Array], Cache]:
    """x (N, H), p: the tree's `groups` -> hidden states, L + 1 of (N, H), the first of them x"""
    no_backward = _forward_only.get()
    hidden, inputs = [x], []
    c_layers: list[Cache] = []
    for l in range(config.num_hidden_layers):
        inputs.append(x if not c_layers or c_layers[-1] is None else None)
        x, cache = layer(x, p[config.group_of(l)], sequences, config, dropout_key, l)  # (N, H)
        hidden.append(x)
        c_layers.append(cache if not config.recompute else None if no_backward else compact(cache))
        del cache  # its arrays, before those of the next layer are computed
    if config.recompute:
        return hidden, CompactCache(inputs, c_layers, dropout_key)
    return hidden, EncoderCache(hidden, c_layers, dropout_key)


def encoder_backward(
    dhidden: list[Array | None], cache: Cache, p: list[Namespace], g: list[Namespace], sequences: Sequences, config: Config
) -> Array:
    """dhidden: gradients (N, H) of the L + 1 hidden states from above; None: no gradient, but not for the last -> dx (N, H)"""
    dx = dhidden[-1]
    for l in reversed(range(config.num_hidden_layers)):
        group = config.group_of(l)
        dx = layer_backward(dx, restore(cache, l, p, sequences, config), p[group], g[group], sequences, config)  # (N, H)
        if dhidden[l] is not None:
            dx = dx + dhidden[l]
    return dx


def compact(cache: Cache) -> Cache:
    """Return a layer's cache with little in it; None if its norms are not those of the kernels, so that it runs again whole."""
    blocks = untagged(cache)
    if type(blocks) is not list or not all(type(block) in (BlockCache, LastBlockCache) for block in blocks):
        return None
    norms = [untagged(c) for block in blocks for c in (block.c_norm_a, block.c_norm_f)]
    if not all(type(norm) is add_norm.AddNormCache for norm in norms):
        return None
    return retagged(cache, [compact_block(block) for block in blocks])


def compact_block(block: BlockCache | LastBlockCache) -> BlockCache | LastBlockCache:
    """Return a block's cache with little in it; what is not computed by a kernel gets None, and runs again whole."""

    def smaller(cache: Cache, kind: type, module: Any) -> Cache:
        return retagged(cache, module.compact(untagged(cache))) if type(untagged(cache)) is kind else None

    if type(block) is LastBlockCache:
        block = block._replace(c_gather=None)  # it holds an array (N, H)
    return block._replace(
        c_attention=smaller(block.c_attention, attention.AttentionCache, attention),
        c_norm_a=smaller(block.c_norm_a, add_norm.AddNormCache, add_norm),
        c_ffn=smaller(block.c_ffn, feed_forward.FeedForwardCache, feed_forward),
        c_norm_f=smaller(block.c_norm_f, add_norm.AddNormCache, add_norm),
    )


def restore(cache: EncoderCache | CompactCache, l: int, p: list[Namespace], sequences: Sequences, config: Config) -> Cache:
    """Return the cache of layer l: as it was stored, or one whose arrays are computed when they are needed."""
    group, c_layer = p[config.group_of(l)], cache.c_layers[l]
    if isinstance(cache, EncoderCache):
        return c_layer
    if c_layer is None:
        return layer(layer_input(cache, l, p, config), group, sequences, config, cache.dropout_key, l)[1]
    blocks: list[RestoredBlock] = []
    for i, (c_block, p_block) in enumerate(zip(untagged(c_layer), group.blocks)):
        x = blocks[-1].output if blocks else partial(layer_input, cache, l, p, config)
        kind = RestoredLastBlock if type(c_block) is LastBlockCache else RestoredBlock
        blocks.append(kind(c_block, x, p_block, sequences, config, cache.dropout_key, l * config.inner_group_num + i))
    return retagged(c_layer, blocks)


def layer_input(cache: CompactCache, l: int, p: list[Namespace], config: Config) -> Array:
    """-> x (N, H) of layer l"""
    if cache.inputs[l] is not None:
        return cache.inputs[l]
    below = untagged(cache.c_layers[l - 1])[-1]
    return add_norm.output_again(untagged(below.c_norm_f), p[config.group_of(l - 1)].blocks[-1].ffn_norm)


class RestoredBlock:
    """The cache of a block. Its backward pass reads each member once; only then its arrays are computed, and they are not stored.

    compact: what is stored of it; x: a function that returns its input; i: its index, as in `core.model.block.block`.
    """

    def __init__(
        self, compact: Any, x: Callable[[], Array], p: Namespace, sequences: Sequences, config: Config, dropout_key: Key, i: int
    ) -> None:
        self.compact, self.x, self.p, self.sequences, self.config = compact, x, p, sequences, config
        self.dropout_key, self.i = dropout_key, i

    @property
    def c_norm_f(self) -> Cache:
        """The cache of the norm after the feed-forward."""
        return retagged(self.compact.c_norm_f, add_norm.restore(untagged(self.compact.c_norm_f)))

    @property
    def c_ffn(self) -> Cache:
        """The cache of the feed-forward."""
        h, cache = self.feed_forward_input(), self.compact.c_ffn
        if cache is None:
            return layers.feed_forward(h, self.p.ffn, self.config.hidden_act)[1]
        return retagged(cache, feed_forward.restore(untagged(cache), h, self.p.ffn))

    @property
    def c_norm_a(self) -> Cache:
        """The cache of the norm after the attention."""
        return retagged(self.compact.c_norm_a, add_norm.restore(untagged(self.compact.c_norm_a)))

    @property
    def c_attention(self) -> Cache:
        """The cache of the attention."""
        x, cache, rate = self.x(), self.compact.c_attention, self.config.attention_probs_dropout_prob
        if cache is None:
            key, _, _ = block_keys(self.dropout_key, self.i)
            return layers.attention(x, self.p.attention, self.sequences, self.config.num_attention_heads, rate, key)[1]
        return retagged(cache, attention.restore(untagged(cache), x, self.p.attention, rate))

    def feed_forward_input(self) -> Array:
        """-> h (N, H)"""
        return add_norm.output_again(untagged(self.compact.c_norm_a), self.p.attention_norm)

    def output(self) -> Array:
        """-> y (N, H)"""
        return add_norm.output_again(untagged(self.compact.c_norm_f), self.p.ffn_norm)


class RestoredLastBlock(RestoredBlock):
    """The cache of the last block where only the output rows were computed."""

    @property
    def rows(self) -> Array:
        """(R,) the output rows"""
        return self.compact.rows

    @property
    def c_gather(self) -> Cache:
        """The cache of taking the output rows."""
        return self.gather_rows()[1]

    def feed_forward_input(self) -> Array:
        """-> h (R, H)"""
        return self.gather_rows()[0]

    def gather_rows(self) -> tuple[Array, Cache]:
        """-> the output rows of h, (R, H)"""
        return layers.gather(RestoredBlock.feed_forward_input(self), self.rows)
