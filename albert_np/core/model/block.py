"""One block: attention and feed-forward, each followed by adding its input and a layer norm (post-norm).

    h = LN(x + drop(attention(x)))
    y = LN(h + drop(feed_forward(h)))

The dropout after the feed-forward is Google's; transformers' ALBERT leaves it out.
"""

from collections import namedtuple

from albert_np.core.config import Config
from albert_np.core.dispatch import Array, op
from albert_np.core.layers import add_norm, add_norm_backward, attention, attention_backward, feed_forward, feed_forward_backward
from albert_np.core.params import Namespace
from albert_np.core.random import Key
from albert_np.core.sequences import Sequences

BlockCache = namedtuple("BlockCache", "c_attention c_norm_a c_ffn c_norm_f")


@op
def block(x: Array, p: Namespace, sequences: Sequences, config: Config, dropout_key: Key, i: int) -> tuple[Array, BlockCache]:
    """x (N, H) -> y (N, H). i: index of the block among all that are applied; it only selects the dropout masks."""
    key_p, key_a, key_f = block_keys(dropout_key, i)
    A, eps, rate = config.num_attention_heads, config.layer_norm_eps, config.hidden_dropout_prob
    a, c_attention = attention(x, p.attention, sequences, A, config.attention_probs_dropout_prob, key_p)  # (N, H)
    h, c_norm_a = add_norm(x, a, p.attention_norm, eps, rate, key_a)  # (N, H)
    f, c_ffn = feed_forward(h, p.ffn, config.hidden_act)  # (N, H)
    y, c_norm_f = add_norm(h, f, p.ffn_norm, eps, rate, key_f)  # (N, H)
    return y, BlockCache(c_attention, c_norm_a, c_ffn, c_norm_f)


@op
def block_backward(dy: Array, cache: BlockCache, p: Namespace, g: Namespace, sequences: Sequences, config: Config) -> Array:
    """dy (N, H) -> dx (N, H). h and x are used twice each, so their gradients are sums: past the operation, and through it."""
    dh, df = add_norm_backward(dy, cache.c_norm_f, p.ffn_norm, g.ffn_norm)  # (N, H) each
    dh = dh + feed_forward_backward(df, cache.c_ffn, p.ffn, g.ffn, config.hidden_act)  # (N, H)
    dx, da = add_norm_backward(dh, cache.c_norm_a, p.attention_norm, g.attention_norm)  # (N, H) each
    return dx + attention_backward(da, cache.c_attention, p.attention, g.attention, sequences, config.num_attention_heads)


def block_keys(dropout_key: Key, i: int) -> tuple[Key, ...]:
    """The keys of the three dropouts of block i: attention weights, output of the attention, output of the feed-forward."""
    names = "attention probs", "attention output", "ffn output"
    return tuple(dropout_key and dropout_key.fold_in(name, i) for name in names)
