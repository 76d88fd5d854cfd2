"""One block: attention and feed-forward, each followed by adding its input and a layer norm (post-norm).

    h = LN(x + drop(attention(x)))
    y = LN(h + drop(feed_forward(h)))

The dropout after the feed-forward is Google's; transformers' ALBERT leaves it out.

Of the last block most rows of y may be read by nobody: a head looks at the masked tokens, or at [CLS]. Attention needs all rows
as keys and values, but what comes after it goes row by row. So `read` names the rows that will be read: no others are computed.
"""

from typing import Any

import numpy as np

from albert_np.core.config import Config
from albert_np.core.layers import (
    attention,
    attention_backward,
    feed_forward,
    feed_forward_backward,
    gather,
    gather_backward,
    residual,
    residual_backward,
)
from albert_np.core.random import Dropout
from albert_np.core.sequences import Sequences


def block(
    x: Any, p: Any, sequences: Sequences, config: Config, rng: Dropout | None, number: int, read: Any = None
) -> tuple[Any, Any]:
    """x (N, H) -> y (N, H). `number` counts the blocks applied before this one: it only keys the dropout.

    read: (R,) rows of y, each once, or None for all; the other rows of y are then 0.
    """

    def here(name: str) -> Dropout | None:
        return rng and rng.at(name, number)

    A, eps, rate = config.num_attention_heads, config.layer_norm_eps, config.hidden_dropout_prob
    a, c_attention = attention(x, p.attention, sequences, A, config.attention_probs_dropout_prob, here("attention probs"))
    h, c_sum_a = residual(x, a, p.attention_norm, eps, rate, here("attention output"))

    c_read = None
    if read is not None:
        h, c_gather = gather(h, read)  # (R, H)
        c_read = read, c_gather
        rng = rng and rng.of(np.take(rng.rows, read, axis=0))
    f, c_ffn = feed_forward(h, p.ffn, config.hidden_act)
    y, c_sum_f = residual(h, f, p.ffn_norm, eps, rate, here("ffn output"))
    if c_read:
        y = gather_backward(y, c_gather)  # (N, H): each row back to its place
    return y, (c_attention, c_sum_a, c_ffn, c_sum_f, c_read)


def block_backward(dy: Any, cache: Any, p: Any, g: Any, sequences: Sequences, config: Config) -> Any:
    """dy (N, H) -> dx (N, H). dh and dx come along two ways each: past the operation, and through it."""
    c_attention, c_sum_a, c_ffn, c_sum_f, c_read = cache
    if c_read:
        read, c_gather = c_read
        dy, _ = gather(dy, read)  # (R, H)
    dh, df = residual_backward(dy, c_sum_f, p.ffn_norm, g.ffn_norm)
    dh = dh + feed_forward_backward(df, c_ffn, p.ffn, g.ffn, config.hidden_act)
    if c_read:
        dh = gather_backward(dh, c_gather)  # (N, H)

    dx, da = residual_backward(dh, c_sum_a, p.attention_norm, g.attention_norm)
    return dx + attention_backward(da, c_attention, p.attention, g.attention, sequences, config.num_attention_heads)
