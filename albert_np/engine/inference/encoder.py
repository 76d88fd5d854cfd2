"""The encoder's forward pass for inference: the formulas of core/model/block.py, without caches, into buffers that stay.

A layer is two steps, attention and feed-forward, each followed by the sum and its layer norm, a block of rows at a time. The
threads of a team divide each step into parts that add up (weights.py). With few rows they share the products alone: what lies
between products then takes less time than threads lose that wait for Python's global lock in turns. The last layer computes keys
and values of all rows, and the rest for the rows that the heads read.
"""

import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from albert_np.core import dispatch
from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.dispatch import Array
from albert_np.core.layers import activation, fuse_levels
from albert_np.core.model.embeddings import embeddings
from albert_np.core.model.encoder import layer as encoder_layer
from albert_np.core.params import Namespace, Tree
from albert_np.core.sequences import Sequences
from albert_np.engine import threads
from albert_np.engine.cpu.blocks import blocks
from albert_np.engine.inference.activations import IN_PLACE
from albert_np.engine.inference.attention import Queries, all_queries, attend, scale, select_queries
from albert_np.engine.inference.products import MOST_ROWS, Rows, multiply
from albert_np.engine.inference.team import Alone, Team, borrow_team
from albert_np.engine.inference.weights import Part, get_weights
from albert_np.engine.kernels import kernels_run

MIN_WORK = 1 << 23  # products of numbers in a layer; with fewer, waking a thread takes longer than it saves
MIN_ROWS = 64  # of a thread in a layer norm that is divided among the threads
CHUNK = 512  # rows of the feed-forward network at a time, so that its wide array stays in the cache
MOST_BYTES = 1 << 25  # of a buffer that is kept


def encode(batch: Batch, p: Tree, config: Config, layer: int | None = None, workers: int = 1) -> Array:
    """Return the representation (N, H) that heads read or, given a layer from 0 to L, a hidden state.

    Of the representation only `sequences.output_rows` are computed, if there are any; the other rows are 0, or without meaning
    where there is fusion. workers: threads that share the batch.
    """
    levels = config.fusion_layers if layer is None else ()
    last = max(levels, default=config.num_hidden_layers if layer is None else layer)
    x, _ = embeddings(batch, p.embeddings, config, None)  # (N, H)
    hidden: list[Array] = [x]
    keep = hidden.append if levels else None
    if can_run(p, x):
        x = apply_layers(x, batch.sequences, p, config, last, workers, keep)
    else:
        for l in range(last):
            x, _ = encoder_layer(x, p.groups[config.group_of(l)], batch.sequences, config, None, l)  # (N, H)
            if keep is not None:
                keep(x)
    return fuse_levels(hidden, p.fusion, levels)[0] if levels else x


def can_run(p: Tree, x: Array) -> bool:
    """Return whether this file computes the layers: NumPy arrays, kernels on, nothing replaced, no weights in factors."""
    if type(x) is not np.ndarray or not kernels_run(x) or dispatch.overrides:
        return False
    blocks_of = (block for group in p.groups for block in group.blocks)
    maps = (each for block in blocks_of for part in (block.attention, block.ffn) for each in vars(part).values())
    return all(type(each) is Namespace for each in maps)


def number_of_workers(lengths: np.ndarray, p: Tree, config: Config, shards: int) -> int:
    """Return how many threads share each shard of a batch with sequences of these lengths (B,).

    1 if there are several shards, since each has a thread already, and for few rows whose products are not computed by blocks:
    then BLAS's own threads share each product.
    """
    if shards > 1 or not can_run(p, p.flat):
        return 1
    block, N = p.groups[0].blocks[0], int(lengths.sum())
    if N * sum(2 * each.w.size for each in vars(block.ffn).values()) < MIN_WORK:
        return 1
    if N <= MOST_ROWS and not get_weights(p).of(block, config.num_attention_heads, 1)[0].prefers_blocks(N):
        return 1
    return threads.count_here()


def blas_threads(workers: int) -> AbstractContextManager[Any]:
    """Return a context for the forward pass of a batch that workers share, heads included.

    BLAS's own threads spin for some 30 ms after a product that they have shared, and would keep a processor from the workers. So
    they take no part in the pass.
    """
    return threads.one_blas_thread() if workers > 1 else nullcontext()


class Buffers:
    """Arrays that are used again in every layer and in every call of a thread, by their names; they grow with the batches."""

    def __init__(self) -> None:
        self.flat: dict[Any, Array] = {}

    def take(self, name: Hashable, like: Array, rows: int, width: int) -> Array:
        """Return a contiguous array (rows, width) of the dtype of `like` with any numbers in it."""
        key, size = (name, like.dtype.char), rows * width
        if size * like.itemsize > MOST_BYTES:
            return np.empty_like(like, shape=(rows, width))
        if key not in self.flat or self.flat[key].size < size:
            self.flat[key] = np.zeros_like(like, shape=size)
        return self.flat[key][:size].reshape(rows, width)


_local = threading.local()


def buffers() -> Buffers:
    """Return the buffers of this thread."""
    if not hasattr(_local, "buffers"):
        _local.buffers = Buffers()
    return _local.buffers


def apply_layers(x: Array, sequences: Sequences, p: Tree, config: Config, last: int, workers: int, keep: Any) -> Array:
    """The layers 0 to last - 1.   x (N, H) -> (N, H). keep: called with each hidden state; None: they are not kept"""
    A, inner = config.num_attention_heads, config.inner_group_num
    weights, output_rows = get_weights(p), getattr(sequences, "output_rows", None)
    with borrow_team(min(workers, A)) as team:
        run = Layers(team, sequences, config, x)
        for l in range(last):
            for i, block in enumerate(p.groups[config.group_of(l)].blocks):
                parts = weights.of(block, A, run.team.size)
                if l + 1 == config.num_hidden_layers and i + 1 == inner and output_rows is not None:
                    run.last_block(block, parts, output_rows)
                else:
                    run.block(block, parts)
            if keep is not None:
                keep(run.x[: run.rows.N].copy())
        return run.x[: run.rows.N].copy()


class Layers:
    """The current hidden state x (padded, H) of a batch, and what its blocks need."""

    def __init__(self, team: Team | Alone, sequences: Sequences, config: Config, x: Array) -> None:
        self.team: Team | Alone = Alone() if len(x) <= MOST_ROWS else team  # it shares the parts
        self.helpers: Team | Alone = team if len(x) <= MOST_ROWS else Alone()  # they share each product
        self.sequences, self.config = sequences, config
        self.queries = all_queries(sequences, config.num_attention_heads, x.dtype)
        self.rows, self.own = Rows.of(len(x)), buffers()
        self.x = self.own.take("x", x, self.rows.padded, x.shape[1])
        self.x[: self.rows.N] = x
        self.average = np.full_like(x, 1 / x.shape[1], shape=x.shape[1])  # x @ average, a product, is quicker than x.mean

    def block(self, p: Namespace, parts: list[Part]) -> None:
        """x becomes the block's output."""
        self.attention(p, parts, self.x, self.rows, self.queries)
        self.feed_forward(p, parts, self.x, self.rows)

    def last_block(self, p: Namespace, parts: list[Part], output_rows: np.ndarray) -> None:
        """The same for the output rows; the others become 0."""
        if 2 * len(output_rows) > self.rows.N:  # most rows are read: gathering them would not be worth it
            self.block(p, parts)
            return
        rows = Rows.of(len(output_rows))
        few = self.own.take("few", self.x, rows.padded, self.x.shape[1])
        np.take(self.x, output_rows, axis=0, out=few[: rows.N])
        queries = select_queries(self.sequences, output_rows, self.config.num_attention_heads, self.x.dtype)
        self.attention(p, parts, few, rows, queries)
        self.feed_forward(p, parts, few, rows)
        self.x[...] = 0
        self.x[output_rows] = few[: rows.N]

    def attention(self, p: Namespace, parts: list[Part], x: Array, rows: Rows, queries: list[Queries]) -> None:
        """x (padded, H) of the rows becomes LN(x + attention(x)); their keys and values are those of all rows."""

        def work(k: int) -> Array:
            part, own, everything = parts[k], buffers(), self.rows
            W, H = part.query.w.shape[1], x.shape[1]
            q = own.take("q", x, rows.padded, W)
            key, value = (own.take(name, x, everything.padded, W) for name in ("k", "v"))
            of_all = (part.key, self.x, everything, key), (part.value, self.x, everything, value)
            multiply(self.helpers, (part.query, x, rows, q), *of_all)
            q = q[: rows.N]
            q += part.query_bias
            q *= scale(W // part.A)
            value = value[: everything.N]
            value += part.value_bias
            context = own.take("context", x, rows.padded, W)
            attend(q, key[: everything.N], value, part.A, queries, context)
            y = own.take(("y", k), x, rows.padded, H)
            multiply(self.helpers, (part.output, context, rows, y))
            return y

        self.add_norm(x, rows, work, p.attention.output.b, p.attention_norm)

    def feed_forward(self, p: Namespace, parts: list[Part], x: Array, rows: Rows) -> None:
        """x (padded, H) becomes LN(x + feed_forward(x))."""

        def work(k: int) -> Array:
            y = buffers().take(("y", k), x, rows.padded, x.shape[1])
            count = -(-rows.padded // CHUNK)  # of nearly equal chunks; several have too many rows each for blocks of weights
            for i in range(count):
                some = slice(rows.padded * i // count, rows.padded * (i + 1) // count)
                chunk = rows if count == 1 else Rows.of(some.stop - some.start)
                feed_forward(parts[k], x[some], chunk, self.config.hidden_act, y[some], self.helpers)
            return y

        self.add_norm(x, rows, work, p.ffn.output.b, p.ffn_norm)

    def add_norm(self, x: Array, rows: Rows, work: Callable[[int], Array], bias: Array, norm: Namespace) -> None:
        """x (padded, H) becomes LN(x + bias + the sum of work(k) over the team)."""
        K, N, eps = self.team.size, rows.N, self.config.layer_norm_eps
        terms: list[Array] = [None] * K

        def compute(k: int) -> None:
            terms[k] = work(k)

        def normalise(k: int) -> None:
            for some in blocks(x[N * k // K : N * (k + 1) // K]):
                shifted = slice(some.start + N * k // K, min(some.stop + N * k // K, N * (k + 1) // K))
                add_layer_norm(x[shifted], [term[shifted] for term in terms], bias, norm, eps, self.average)

        each = [(k,) for k in range(K)]
        self.team.share(compute, each)
        if K > 1 and N < MIN_ROWS * K:
            add_layer_norm(x[:N], [term[:N] for term in terms], bias, norm, eps, self.average)
        else:
            self.team.share(normalise, each)


def feed_forward(part: Part, x: Array, rows: Rows, act: str, out: Array, helpers: Team | Alone) -> None:
    """A part of the feed-forward network without the last bias.   x (padded, H) -> out (padded, H)"""
    z = buffers().take("z", x, rows.padded, part.intermediate_bias.size)  # (padded, F)
    multiply(helpers, (part.intermediate, x, rows, z))
    value = IN_PLACE.get(act)
    with np.errstate(over="ignore"):
        for some in blocks(z[: rows.N]):
            u = z[some.start : min(some.stop, rows.N)]
            u += part.intermediate_bias
            if value is None:
                u[...] = activation(u, act)[0]
            else:
                value(u, buffers().take("scratch", u, *u.shape))
    multiply(helpers, (part.ffn_output, z, rows, out))


def add_layer_norm(x: Array, terms: list[Array], bias: Array, p: Namespace, eps: float, average: Array) -> None:
    """x (N, H) becomes LN(x + bias + sum of the terms), γ and β those of p."""
    for term in terms:
        x += term
    x += bias
    x -= (x @ average)[:, None]
    r = np.vecdot(x, x)  # (N,) H times the variance
    r *= 1 / x.shape[1]
    r += eps
    np.sqrt(r, out=r)
    np.divide(1, r, out=r)
    x *= r[:, None]
    x *= p.gamma
    x += p.beta
