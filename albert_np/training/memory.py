"""An estimate of the memory of a run, before it starts. Sharing saves parameters, gradients and moments, but no activations."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from albert_np.core.params import Tree, flat_size
from albert_np.data.formats.summary import count_noun
from albert_np.engine.kernels import kernels_run
from albert_np.engine.shards import number_of_shards
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import shapes


class StepOutOfMemory(MemoryError):
    """Raised when a step needs more memory than there is; the message names the step and its tokens."""


@contextlib.contextmanager
def explain_memory(step: int, batches: Sequence[Any]) -> Iterator[None]:
    """Raise a MemoryError of the block as a `StepOutOfMemory`. step: from 1; batches: its micro-batches."""
    try:
        yield
    except MemoryError as error:
        tokens = max(len(arrays["ids"]) for arrays in batches)
        known = f" ({error})" if str(error) else ""
        raise StepOutOfMemory(f"step {step} computes {count_noun(tokens, 'token')} at a time{known}") from error


def empty_tree(config: AlbertConfig, parts: tuple[str, ...] = ("pooler", "mlm", "sop")) -> Tree:
    """Return a tree of the right form that takes no memory: all its numbers are views of one."""
    form = shapes(config, parts)
    return Tree(form, np.broadcast_to(np.float32(0), (flat_size(form),)))


def activations_per_token(config: AlbertConfig, T: int) -> float:
    """Return how many numbers a block stores for its backward pass, per token of sequences of length T."""
    H, F, weights = config.hidden_size, config.intermediate_size, config.num_attention_heads * T
    # input, q, k, v, context, the row between the sublayers, two normalised rows, and z of the feed-forward
    cached: float = 8 * H + F
    if config.hidden_dropout_prob:
        cached += 2 * H / 4  # two masks, a byte per number
    if not kernels_run(np.zeros(1)):  # tanh and a; the attention weights before and after dropout, and its mask
        return cached + 2 * F + (2.25 if config.attention_probs_dropout_prob else 2) * weights
    return cached + (weights if config.attention_probs_dropout_prob else 0)  # the weights are not cached; their mask, in floats


def recompute_per_token(config: AlbertConfig, T: int) -> float:
    """Return how many numbers of a block a step with `recompute` stores, per token of sequences of length T.

    The kernels store those of engine/cpu/encoder.py, the reference the input of each layer.
    """
    H, stored = config.hidden_size, 2.0 * config.hidden_size  # the normalised rows of both norms
    if not kernels_run(np.zeros(1)):
        return H / config.inner_group_num
    if config.hidden_dropout_prob:
        stored += 2 * H / 32  # two masks, a bit per number
    return stored + (config.num_attention_heads * T / 32 if config.attention_probs_dropout_prob else 0)


def estimate(
    config: AlbertConfig, tokens: int, max_length: int, masked_lm_prob: float = 0.15, itemsize: int = 4,
    processes: int = 1, sharded: bool = False,
) -> dict[str, int]:  # fmt: skip
    """Return the bytes that a training step of `tokens` tokens needs, by parameters, gradients, moments and activations.

    They are those of the code that runs now, kernels or reference, in each of several processes. sharded: the moments are
    divided among the processes.
    """
    numbers, tokens = empty_tree(config).count(), math.ceil(tokens / processes)
    H, F, cached = config.hidden_size, config.intermediate_size, activations_per_token(config, max_length)
    blocks = config.num_hidden_layers * config.inner_group_num
    temporary: float = 4 * H + 4 * F  # of a block's backward pass
    if not config.recompute:
        body = H + cached * blocks
    elif kernels_run(np.zeros(1)):
        stored = recompute_per_token(config, max_length)
        body = H + stored * blocks
        # the most of: feed-forward and attention backwards, which take turns; the last layer forwards, beside the hidden states
        forward = config.num_hidden_layers * H + config.inner_group_num * (cached - stored) + F
        temporary = max(temporary, cached - F + 4 * H, forward)
    else:
        body = H + recompute_per_token(config, max_length) * blocks + cached * config.inner_group_num
    head = 2 * config.vocab_size * math.ceil(masked_lm_prob * tokens)  # logits and probabilities, then these and the gradient
    if not kernels_run(np.zeros(1)):
        head += 3 * config.num_attention_heads * max_length**2  # backward through one sequence's weights
    trees = number_of_shards(np.full(max(1, tokens // max_length), max_length), np.zeros(H))
    return {
        "parameters": numbers * itemsize,
        "gradients": trees * numbers * itemsize,
        "moments": math.ceil(2 * numbers / (processes if sharded else 1)) * itemsize,
        "activations": round(((body + temporary + 3 * config.embedding_size) * tokens + head) * itemsize),
    }
