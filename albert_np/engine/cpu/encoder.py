"""Kernel of core/model/encoder.py for `recompute`: the backward pass computes again what is cheap; what is dear is kept.

An array (N, H) of a block costs as much memory as another, but saves very different amounts of work. Measured in products
(N, H) (H, H), of which a block's forward pass has 12 and its backward pass 24, with F = 4 H:

    kept                              arrays    saves     how the rest is computed again
    normalised rows of both norms       2       5         x and h: two passes each, without a product
    dropout masks, a bit per element    1/16    -         drawing them again takes twenty times as long as unpacking
    q, k, v                             3       3         a product each
    z, the feed-forward's wide array    4       4         a product of four times the size
    context                             1       1/3       the attention's small products

The first two lines are kept: the backward pass repeats 7 of the 12 products, and a block keeps 2 arrays of 12. (Keeping x alone,
as the reference does, repeats all 12.) The bits of all results are those of a step that keeps everything.
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
from albert_np.core.model import encoder as reference
from albert_np.core.model.block import BlockCache, block_keys
from albert_np.core.model.encoder import layer, layer_backward
from albert_np.core.params import Namespace
from albert_np.core.random import Key
from albert_np.core.sequences import Sequences
from albert_np.engine.cpu import add_norm, attention, feed_forward
from albert_np.engine.kernels import retagged
from albert_np.engine.output_rows import LastBlockCache

# inputs: x (N, H) of each layer, None where the norms of the layer below give it; kept: of each layer, None where nothing is
KeptCache = namedtuple("KeptCache", "inputs kept dropout_key")
_forward_only: ContextVar[bool] = ContextVar("forward_only", default=False)


@contextmanager
def forward_only() -> Iterator[None]:
    """Within it no backward pass follows in this thread: with `recompute`, nothing is kept for one."""
    token = _forward_only.set(True)
    try:
        yield
    finally:
        _forward_only.reset(token)


def encoder(x: Array, p: list[Namespace], sequences: Sequences, config: Config, dropout_key: Key) -> tuple[list[Array], Cache]:
    """x (N, H), p: the tree's `groups` -> hidden states, L + 1 of (N, H), the first of them x"""
    if not config.recompute or _forward_only.get():
        return reference.encoder.__wrapped__(x, p, sequences, config, dropout_key)
    hidden, inputs = [x], []
    kept: list[Cache] = []
    for l in range(config.num_hidden_layers):
        inputs.append(x if not kept or kept[-1] is None else None)
        x, cache = layer(x, p[config.group_of(l)], sequences, config, dropout_key, l)  # (N, H)
        hidden.append(x)
        kept.append(keep(cache))
        del cache
    return hidden, KeptCache(inputs, kept, dropout_key)


def encoder_backward(
    dhidden: list[Array | None], cache: Cache, p: list[Namespace], g: list[Namespace], sequences: Sequences, config: Config
) -> Array:
    """dhidden: the gradient (N, H) that reaches each of the L + 1 hidden states from above, or None -> dx (N, H)"""
    if type(cache) is reference.EncoderCache:
        return reference.encoder_backward.__wrapped__(dhidden, cache, p, g, sequences, config)
    dx = dhidden[-1]
    for l in reversed(range(config.num_hidden_layers)):
        group = config.group_of(l)
        dx = layer_backward(dx, restore(cache, l, p, sequences, config), p[group], g[group], sequences, config)  # (N, H)
        if dhidden[l] is not None:
            dx = dx + dhidden[l]
    return dx


def keep(cache: Cache) -> Cache:
    """Return what is kept of a layer's cache; None if its blocks are not computed by the kernels, so that it runs again whole."""
    blocks = untagged(cache)
    if type(blocks) is not list or not all(type(block) in (BlockCache, LastBlockCache) for block in blocks):
        return None
    norms = [untagged(c) for block in blocks for c in (block.c_norm_a, block.c_norm_f)]
    if not all(type(norm) is add_norm.AddNormCache for norm in norms):
        return None
    return retagged(cache, [keep_block(block) for block in blocks])


def keep_block(block: BlockCache | LastBlockCache) -> BlockCache | LastBlockCache:
    """Return what is kept of a block's cache; an operation that is not computed by the kernels runs again whole."""
    c_attention, c_ffn = untagged(block.c_attention), untagged(block.c_ffn)
    is_kernel = type(c_attention) is attention.AttentionCache, type(c_ffn) is feed_forward.FeedForwardCache
    kept = block._replace(c_gather=None) if type(block) is LastBlockCache else block  # it holds an array (N, H)
    return kept._replace(
        c_attention=retagged(block.c_attention, attention.keep(c_attention)) if is_kernel[0] else None,
        c_norm_a=retagged(block.c_norm_a, add_norm.keep(untagged(block.c_norm_a))),
        c_ffn=retagged(block.c_ffn, feed_forward.keep(c_ffn)) if is_kernel[1] else None,
        c_norm_f=retagged(block.c_norm_f, add_norm.keep(untagged(block.c_norm_f))),
    )


def restore(cache: KeptCache, l: int, p: list[Namespace], sequences: Sequences, config: Config) -> Cache:
    """Return the cache of layer l, whose arrays are computed when they are needed."""
    group = p[config.group_of(l)]
    if cache.kept[l] is None:
        return layer(layer_input(cache, l, p, config), group, sequences, config, cache.dropout_key, l)[1]
    blocks: list[Restored] = []
    for i, (kept, p_block) in enumerate(zip(untagged(cache.kept[l]), group.blocks)):
        x = blocks[-1].output if blocks else partial(layer_input, cache, l, p, config)
        kind = RestoredLast if type(kept) is LastBlockCache else Restored
        blocks.append(kind(kept, x, p_block, sequences, config, cache.dropout_key, l * config.inner_group_num + i))
    return retagged(cache.kept[l], blocks)


def layer_input(cache: KeptCache, l: int, p: list[Namespace], config: Config) -> Array:
    """-> x (N, H) of layer l"""
    if cache.inputs[l] is not None:
        return cache.inputs[l]
    last = untagged(cache.kept[l - 1])[-1]
    return add_norm.output_again(untagged(last.c_norm_f), p[config.group_of(l - 1)].blocks[-1].ffn_norm)


class Restored:
    """The cache of a block. A member is computed each time that the backward pass reads it, once, and is not stored."""

    def __init__(
        self, kept: Any, x: Callable[[], Array], p: Namespace, sequences: Sequences, config: Config, dropout_key: Key, i: int
    ) -> None:
        self.kept, self.x, self.p, self.sequences, self.config = kept, x, p, sequences, config
        self.dropout_key, self.i = dropout_key, i

    @property
    def c_norm_f(self) -> Cache:
        return retagged(self.kept.c_norm_f, add_norm.restore(untagged(self.kept.c_norm_f)))

    @property
    def c_ffn(self) -> Cache:
        h, act = self.feed_forward_input(), self.config.hidden_act
        if self.kept.c_ffn is None:
            return layers.feed_forward(h, self.p.ffn, act)[1]
        return retagged(self.kept.c_ffn, feed_forward.restore(untagged(self.kept.c_ffn), h, self.p.ffn))

    @property
    def c_norm_a(self) -> Cache:
        return retagged(self.kept.c_norm_a, add_norm.restore(untagged(self.kept.c_norm_a)))

    @property
    def c_attention(self) -> Cache:
        x, A, rate = self.x(), self.config.num_attention_heads, self.config.attention_probs_dropout_prob
        if self.kept.c_attention is None:
            key, _, _ = block_keys(self.dropout_key, self.i)
            return layers.attention(x, self.p.attention, self.sequences, A, rate, key)[1]
        return retagged(self.kept.c_attention, attention.restore(untagged(self.kept.c_attention), x, self.p.attention, rate))

    def feed_forward_input(self) -> Array:
        """-> h (N, H)"""
        return add_norm.output_again(untagged(self.kept.c_norm_a), self.p.attention_norm)

    def output(self) -> Array:
        """-> y (N, H)"""
        return add_norm.output_again(untagged(self.kept.c_norm_f), self.p.ffn_norm)


class RestoredLast(Restored):
    """The cache of the last block where only the output rows were computed."""

    @property
    def rows(self) -> Array:
        return self.kept.rows

    @property
    def c_gather(self) -> Cache:
        return self.gather_rows()[1]

    def feed_forward_input(self) -> Array:
        """-> h (R, H)"""
        return self.gather_rows()[0]

    def gather_rows(self) -> tuple[Array, Cache]:
        return layers.gather(Restored.feed_forward_input(self), self.rows)
