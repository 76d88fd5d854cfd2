"""Products x w for inference: w as it lies, or a copy of it in blocks of columns, whichever is faster for this number of rows.

Before a product OpenBLAS copies both factors into an order that its kernels read ("packing"). For a few rows that takes longer
than the product. Some of its kernels (SkylakeX and later) multiply small matrices without packing. So w (I, O) is cut into blocks
of 64 columns and at most 768 rows, each of them contiguous, and the rows of x into groups of at most 16: each product of a group
with a block is small enough. Kernels that always pack (Haswell's) gain nothing from it.

Which is faster is measured once for every shape and number of rows (rounded up to a power of two), by the time that the processor
spends in this thread, which other programs hardly change. The decision is kept, so equal calls give equal bits for as long as the
process runs. ALBERT_NP_INFERENCE_PRODUCTS=plain or =blocks decides instead.
"""

import contextlib
import mmap
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.engine import threads
from albert_np.engine.inference.team import Alone, Team

COLUMNS, DEPTH, GROUP = 64, 768, 16  # of a block of w; rows of a group of x
PIECE = 6  # blocks that a thread multiplies at a time
HUGE_PAGE = 1 << 21  # bytes
SMALLEST = 256  # width of a matrix below which blocks are not worth a copy
MOST_ROWS = 128  # beyond, OpenBLAS's packing does not matter
REPEATS, CLEARLY = 3, 0.95
CHOICES = ("measure", "plain", "blocks")
clock = getattr(time, "thread_time", time.perf_counter)  # WebAssembly has no time of a thread


@dataclass(frozen=True)
class Rows:
    """N rows in groups of equal size for products with blocks: the last `padded` - N are of no interest, but exist in memory."""

    N: int
    groups: int
    padded: int

    @classmethod
    def of(cls, N: int) -> "Rows":
        groups = -(-N // GROUP)
        return cls(N, groups, groups * -(-N // groups) if N <= MOST_ROWS else N)


class Room:
    """Memory for the blocks of several weights, `size` numbers in all, end to end, in the order in which they are copied."""

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0
        self.lock = threading.Lock()
        self.memory: Array | None = None

    def copy(self, blocks: Array) -> Array:
        """Return a contiguous copy of an array."""
        if self.memory is None:
            self.memory = allocate_huge(self.size, blocks.dtype)
        copy = self.memory[self.used : self.used + blocks.size].reshape(blocks.shape)
        self.used += blocks.size
        copy[...] = blocks
        return copy


def allocate_huge(size: int, dtype: np.dtype) -> Array:
    """Return an array (size,), on Linux in pages of 2 MB: a product that reads it once then waits less for its addresses."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(size, dtype)
    memory = mmap.mmap(-1, size * dtype.itemsize + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    start = -np.frombuffer(memory, np.uint8).ctypes.data % HUGE_PAGE
    return np.frombuffer(memory, dtype, size, start)


class Divided(NamedTuple):
    """A product as calls of np.matmul, (a, b, out) each, into terms (S, padded, O) that add up to out."""

    calls: list[tuple[Array, Array, Array]]
    terms: Array
    out: Array

    def add(self) -> None:
        """Write the sum of the terms, which have been computed, into out. One term is in it already."""
        if len(self.terms) > 1:
            np.add(self.terms[0], self.terms[1], out=self.out)
            for more in self.terms[2:]:
                np.add(self.out, more, out=self.out)


class Product:
    """The product with a weight (I, O), a view of the parameters.

    room     the memory for a copy of w in blocks, which may be made while w cannot change; None: it is used as it lies
    blocks   the copy (S, O / COLUMNS, I / S, COLUMNS), made when it is first preferred
    """

    def __init__(self, w: Array, room: Room | None = None) -> None:
        (I, O), self.w = w.shape, w
        self.room = room if min(I, O) >= SMALLEST and O % COLUMNS == 0 and I % -(-I // DEPTH) == 0 else None
        self.blocks: Array | None = None

    def cut(self) -> Array:
        """Return the copy of w in blocks."""
        assert self.room is not None
        with self.room.lock:
            if self.blocks is None:
                I, O = self.w.shape
                S = -(-I // DEPTH)
                self.blocks = self.room.copy(self.w.reshape(S, I // S, O // COLUMNS, COLUMNS).swapaxes(1, 2))
        return self.blocks

    def prefers_blocks(self, N: int) -> bool:
        """Return whether N rows are multiplied by blocks."""
        return self.room is not None and N <= MOST_ROWS and prefers_blocks(self, N)

    def divide(self, x: Array, rows: Rows, out: Array, threads: int) -> Divided:
        """Return the calls, enough for some threads, that compute x (padded, I) -> out (padded, O).

        Then the first N rows of out are x w. out: contiguous
        """
        if self.prefers_blocks(rows.N):
            return divide_blocks(x, self.blocks if self.blocks is not None else self.cut(), rows, out, threads)
        O = self.w.shape[1]
        pieces = evenly(O, threads if threads * SMALLEST <= O else 1)
        return Divided([(x[: rows.N], self.w[:, some], out[: rows.N, some]) for some in pieces], out[None], out)


def multiply(team: Team | Alone, *products: tuple[Product, Array, Rows, Array]) -> None:
    """Compute the product of each (product, x, rows, out), see `Product.divide`; the threads of the team share the work."""
    divided = [product.divide(x, rows, out, team.size) for product, x, rows, out in products]
    team.share(np.matmul, [call for each in divided for call in each.calls])
    for each in divided:
        each.add()


def multiply_blocks(x: Array, blocks: Array, rows: Rows, out: Array) -> Array:
    """x (padded, I) and w in blocks -> x w (padded, O) into out"""
    divided = divide_blocks(x, blocks, rows, out, 1)
    Alone().share(np.matmul, divided.calls)
    divided.add()
    return out


def divide_blocks(x: Array, blocks: Array, rows: Rows, out: Array, threads: int) -> Divided:
    """Return the calls that compute x (padded, I) times w in blocks -> out (padded, O)."""
    S, count, depth, columns = blocks.shape
    shape = rows.groups, rows.padded // rows.groups
    terms = out[None] if S == 1 else np.empty_like(out, shape=(S, *out.shape))
    x = x.reshape(*shape, S, depth).transpose(2, 0, 1, 3)[:, None]  # (S, 1, groups, rows of one, I / S)
    y = terms.reshape(S, *shape, count, columns).transpose(0, 3, 1, 2, 4)  # (S, count, groups, rows of one, COLUMNS)
    w = blocks[:, :, None]  # (S, count, 1, I / S, COLUMNS)
    if threads == 1:
        return Divided([(x, w, y)], terms, out)
    pieces = list(evenly(count, -(-count // PIECE)))
    return Divided([(x[s], w[s, some], y[s, some]) for s in range(S) for some in pieces], terms, out)


def evenly(size: int, parts: int) -> Iterator[slice]:
    """Yield slices that divide a size into nearly equal parts."""
    return (slice(size * i // parts, size * (i + 1) // parts) for i in range(parts))


# ---- the choice ----


class Case(NamedTuple):
    """A kind of product, for which is decided once: w (I, O) of this dtype, and up to `rows` rows, a power of two."""

    I: int
    O: int
    dtype: str
    rows: int


class Decision(NamedTuple):
    """Whether blocks are used, and the seconds that the decision took."""

    blocks: bool
    seconds: float


_lock, _decided = threading.Lock(), dict[Case, Decision]()


def choice() -> str:
    """Return the choice of the user, ALBERT_NP_INFERENCE_PRODUCTS: measure, plain or blocks. ValueError for another."""
    chosen = os.environ.get("ALBERT_NP_INFERENCE_PRODUCTS", "") or "measure"
    if chosen not in CHOICES:
        raise ValueError(f"ALBERT_NP_INFERENCE_PRODUCTS: expected one of {', '.join(CHOICES)}, got {chosen!r}")
    return chosen


def prefers_blocks(product: Product, N: int) -> bool:
    """Return whether a product of N rows is to be computed by blocks."""
    I, O = product.w.shape
    case = Case(I, O, product.w.dtype.char, 1 << (N - 1).bit_length())
    if case not in _decided:
        with _lock:
            if case not in _decided:
                chosen, started = choice(), time.perf_counter()
                blocks = measured(product, case.rows) if chosen == "measure" else chosen == "blocks"
                _decided[case] = Decision(blocks, time.perf_counter() - started)
    return _decided[case].blocks


def measured(product: Product, N: int) -> bool:
    """Return whether N rows are multiplied by blocks in clearly less time."""
    (I, O), rows = product.w.shape, Rows.of(N)
    x, out = np.ones_like(product.w, shape=(rows.padded, I)), np.empty_like(product.w, shape=(rows.padded, O))
    blocks, other = Product(product.w, Room(product.w.size)).cut(), np.zeros_like(product.w, shape=1 << 19)
    times = {True: float("inf"), False: float("inf")}
    with threads.one_blas_thread():
        for _ in range(REPEATS + 1):
            for by_blocks in times:
                other += 1  # so that w is not in a core's cache
                started = clock()
                if by_blocks:
                    multiply_blocks(x, blocks, rows, out)
                else:
                    np.matmul(x[:N], product.w, out=out[:N])
                times[by_blocks] = min(times[by_blocks], clock() - started)
    return times[True] < CLEARLY * times[False]


def describe_products() -> str:
    """Return in words how products of a few rows have been computed in this process."""
    if choice() != "measure":
        return f"{choice()} (ALBERT_NP_INFERENCE_PRODUCTS)"
    sizes: dict[tuple[int, int], list[int]] = {}
    for case in cases_with_blocks():
        sizes.setdefault((case.I, case.O), []).append(case.rows)
    if not sizes:
        return "weights as they lie"
    parts = (f"{I} × {O}: {', '.join(map(str, sorted(rows)))} rows" for (I, O), rows in sorted(sizes.items()))
    return f"blocks of {COLUMNS} columns ({'; '.join(parts)})"


def describe_measured_blocks() -> str:
    """Return a sentence for the user if blocks were measured to be faster in this process, else ""."""
    chosen = cases_with_blocks()
    if choice() != "measure" or not chosen:
        return ""
    rows, seconds = max(case.rows for case in chosen), sum(decision.seconds for decision in _decided.values())
    return (
        f"products of up to {rows} rows use copies of the weights in blocks of {COLUMNS} columns, which is faster here "
        f"(measured in {1000 * seconds:.0f} ms; ALBERT_NP_INFERENCE_PRODUCTS=plain keeps the weights as they lie)"
    )


def cases_with_blocks() -> list[Case]:
    """Return for what blocks were chosen in this process."""
    return [case for case, decision in _decided.items() if decision.blocks]
