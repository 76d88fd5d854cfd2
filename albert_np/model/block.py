"""One block: attention and feed-forward, each followed by adding its input and a layer norm (post-norm).

    h = LN(x + drop(attention(x)))
    y = LN(h + drop(feed_forward(h)))

The dropout after the feed-forward is Google's; transformers' ALBERT leaves it out.

Of the last block most rows of y may be read by nobody: a head looks at the masked tokens, or at [CLS]. Attention needs all rows
as keys and values, but what comes after it goes row by row. So `read` names the rows that will be read: no others are computed.
"""

from typing import Any

import numpy as np

from albert_np.config import AlbertConfig
from albert_np.layers import (
    Sequences,
    attention,
    attention_backward,
    dropout,
    dropout_backward,
    feed_forward,
    feed_forward_backward,
    gather,
    gather_backward,
    layer_norm,
    layer_norm_backward,
)
from albert_np.randomness import Dropout


def block(
    x: Any, p: Any, sequences: Sequences, config: AlbertConfig, rng: Dropout | None, number: int, read: Any = None
) -> tuple[Any, Any]:
    """x (N, H) -> y (N, H). `number` counts the blocks applied before this one: it only keys the dropout.

    read: (R,) rows of y, each once, or None for all; the other rows of y are then 0.
    """

    def here(name: str) -> Dropout | None:
        return rng and rng.at(name, number)

    A, eps = config.num_attention_heads, config.layer_norm_eps
    a, c_attention = attention(x, p.attention, sequences, A, config.attention_probs_dropout_prob, here("attention probs"))
    a, c_drop_a = dropout(a, config.hidden_dropout_prob, here("attention output"))
    h, c_norm_a = layer_norm(x + a, p.attention_norm, eps)

    c_read = None
    if read is not None:
        h, c_read = gather(h, read)  # (R, H)
        rng = rng and rng.of(np.take(rng.rows, read, axis=0))
    f, c_ffn = feed_forward(h, p.ffn, config.hidden_act)
    f, c_drop_f = dropout(f, config.hidden_dropout_prob, here("ffn output"))
    y, c_norm_f = layer_norm(h + f, p.ffn_norm, eps)
    if c_read:
        y = gather_backward(y, c_read)  # (N, H): each row back to its place
    return y, (c_attention, c_drop_a, c_norm_a, c_ffn, c_drop_f, c_norm_f, c_read)


def block_backward(dy: Any, cache: Any, p: Any, g: Any, sequences: Sequences, config: AlbertConfig) -> Any:
    """dy (N, H) -> dx (N, H). A sum hands its gradient to both its terms: dh and dx come along two ways each."""
    c_attention, c_drop_a, c_norm_a, c_ffn, c_drop_f, c_norm_f, c_read = cache
    if c_read:
        dy, _ = gather(dy, c_read[0])  # (R, H)
    dsum = layer_norm_backward(dy, c_norm_f, p.ffn_norm, g.ffn_norm)
    df = dropout_backward(dsum, c_drop_f)
    dh = dsum + feed_forward_backward(df, c_ffn, p.ffn, g.ffn, config.hidden_act)
    if c_read:
        dh = gather_backward(dh, c_read)  # (N, H)

    dsum = layer_norm_backward(dh, c_norm_a, p.attention_norm, g.attention_norm)
    da = dropout_backward(dsum, c_drop_a)
    return dsum + attention_backward(da, c_attention, p.attention, g.attention, sequences, config.num_attention_heads)
