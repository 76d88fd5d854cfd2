"""How much memory a run takes, estimated before it begins. Sharing saves parameters, gradients and moments; not activations."""

import math

from albert_np.config import AlbertConfig
from albert_np.params import Tree, flat_size, shapes


def empty_tree(config: AlbertConfig, parts: tuple[str, ...] = ("pooler", "mlm", "sop")) -> Tree:
    """A tree of the right form that takes no memory: every number in it is the same one."""
    import numpy as np

    form = shapes(config, parts)
    return Tree(form, np.broadcast_to(np.float32(0), (flat_size(form, 4),)))


def estimate(
    config: AlbertConfig, tokens: int, max_length: int, masked_lm_prob: float = 0.15, itemsize: int = 4
) -> dict[str, int]:
    """Bytes of a training step of `tokens` tokens in sequences of max_length, computed in one piece.

    -> parameters, gradients, moments, activations
    """
    numbers = empty_tree(config).count()
    H, F, A = config.hidden_size, config.intermediate_size, config.num_attention_heads
    # a block keeps: input, q, k, v, context, two normalised rows, the row between them; z, tanh and a of the feed-forward; and
    # the attention weights twice (before and after dropout)
    kept = 8 * H + 3 * F + 2 * A * max_length
    blocks = config.num_hidden_layers * config.inner_group_num
    hidden = (config.num_hidden_layers + 1) * H
    body = hidden + kept * config.inner_group_num if config.recompute else hidden + kept * blocks
    passing = 4 * H + 4 * F  # what a block's backward pass needs besides
    head = 3 * config.vocab_size * math.ceil(masked_lm_prob * tokens)  # logits, probabilities, their gradient
    return {
        "parameters": numbers * itemsize,
        "gradients": numbers * itemsize,
        "moments": 2 * numbers * itemsize,
        "activations": ((body + passing + 3 * config.embedding_size) * tokens + head) * itemsize,
    }
