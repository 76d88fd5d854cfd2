"""How much memory a run takes, estimated before it begins. Sharing saves parameters, gradients and moments; not activations."""

import math

import numpy as np

from albert_np.core.params import Tree, flat_size
from albert_np.engine.kernels import kernels_run
from albert_np.engine.shards import number_of_shards
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import shapes


def empty_tree(config: AlbertConfig, parts: tuple[str, ...] = ("pooler", "mlm", "sop")) -> Tree:
    """A tree of the right form that takes no memory: every number in it is the same one."""
    form = shapes(config, parts)
    return Tree(form, np.broadcast_to(np.float32(0), (flat_size(form),)))


def kept_of_a_block(config: AlbertConfig, T: int) -> float:
    """Numbers that a block keeps for its backward pass, for each token of sequences of T."""
    H, F, weights = config.hidden_size, config.intermediate_size, config.num_attention_heads * T
    # input, q, k, v, context, the row between the sublayers, two normalised rows, and z of the feed-forward
    kept: float = 8 * H + F
    if config.hidden_dropout_prob:
        kept += 2 * H / 4  # two masks, a byte a number
    if not kernels_run(np.zeros(1)):  # tanh and a; the attention weights before and after dropout, and its mask
        return kept + 2 * F + (2.25 if config.attention_probs_dropout_prob else 2) * weights
    return kept + (weights if config.attention_probs_dropout_prob else 0)  # the weights are not kept; their mask, in floats


def estimate(
    config: AlbertConfig, tokens: int, max_length: int, masked_lm_prob: float = 0.15, itemsize: int = 4,
    processes: int = 1, sharded: bool = False,
) -> dict[str, int]:  # fmt: skip
    """Bytes of a training step of `tokens` tokens in sequences of max_length, by whichever is on, the twins or the textbook; of
    several processes in each of them. sharded: whether the moments are divided among them.

    -> parameters, gradients, moments, activations
    """
    numbers, tokens = empty_tree(config).count(), math.ceil(tokens / processes)
    H, F, kept = config.hidden_size, config.intermediate_size, kept_of_a_block(config, max_length)
    blocks = config.num_hidden_layers * config.inner_group_num
    hidden = H if not config.recompute else (config.num_hidden_layers + 1) * H
    body = hidden + kept * config.inner_group_num if config.recompute else hidden + kept * blocks
    passing = 4 * H + 4 * F  # what a block's backward pass needs besides
    head = 2 * config.vocab_size * math.ceil(masked_lm_prob * tokens)  # logits and probabilities, then these and the gradient
    if not kernels_run(np.zeros(1)):
        head += 3 * config.num_attention_heads * max_length**2  # backward through one sequence's weights
    trees = number_of_shards(np.full(max(1, tokens // max_length), max_length), np.zeros(H))
    return {
        "parameters": numbers * itemsize,
        "gradients": trees * numbers * itemsize,
        "moments": math.ceil(2 * numbers / (processes if sharded else 1)) * itemsize,
        "activations": round(((body + passing + 3 * config.embedding_size) * tokens + head) * itemsize),
    }
