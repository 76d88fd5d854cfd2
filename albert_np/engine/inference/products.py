"""Products x w for inference: w as it lies, or a copy of it in blocks of columns, whichever is faster for this number of rows.

Before a product OpenBLAS copies both factors into an order that its kernels read ("packing"). For a few rows that takes longer
than the product. Some of its kernels (SkylakeX and later) multiply small matrices without packing. So w (I, O) is cut into blocks
of 64 columns and at most 768 rows, each of them contiguous, and the rows of x into groups of at most 16: each product of a group
with a block is small enough. Kernels that always pack (Haswell's) gain nothing from it.

Which is faster is measured once for every shape and number of rows (rounded up to a power of two), by the time that the processor
spends in this thread, which other programs hardly change. The decision is kept, so equal calls give equal bits for as long as the
process runs. ALBERT_NP_INFERENCE_PRODUCTS=plain or =blocks decides instead.
"""

import os
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.engine import threads

COLUMNS, DEPTH, GROUP = 64, 768, 16  # of a block of w; rows of a group of x
SMALLEST = 256  # width of a matrix below which blocks are not worth a copy
MOST_ROWS = 128  # beyond, OpenBLAS's packing does not matter
REPEATS = 3
CHOICES = ("measure", "plain", "blocks")


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


class Product:
    """The product with a weight (I, O), a view of the parameters.

    may_copy   whether blocks of w may be used, which is so while it cannot change
    blocks     (S, O / COLUMNS, I / S, COLUMNS), made when they are first preferred; None: there are none
    """

    def __init__(self, w: Array, may_copy: bool = False) -> None:
        (I, O), self.w = w.shape, w
        self.may_copy = may_copy and min(I, O) >= SMALLEST and O % COLUMNS == 0 and I % -(-I // DEPTH) == 0
        self.blocks: Array | None = None

    def cut(self) -> Array:
        """Return a copy of w in blocks."""
        I, O = self.w.shape
        S = -(-I // DEPTH)
        return np.ascontiguousarray(self.w.reshape(S, I // S, O // COLUMNS, COLUMNS).swapaxes(1, 2))

    def __call__(self, x: Array, rows: Rows, out: Array) -> Array:
        """x (padded, I) -> out (padded, O), of which the first N rows are x w.   out: contiguous"""
        if self.may_copy and rows.N <= MOST_ROWS and prefers_blocks(self, rows.N):
            if self.blocks is None:
                self.blocks = self.cut()
            return multiply_blocks(x, self.blocks, rows, out)
        np.matmul(x[: rows.N], self.w, out=out[: rows.N])
        return out


def multiply_blocks(x: Array, blocks: Array, rows: Rows, out: Array) -> Array:
    """x (padded, I) and w in blocks -> x w (padded, O) into out"""
    S, count, depth, columns = blocks.shape
    shape = rows.groups, rows.padded // rows.groups
    x = x.reshape(*shape, S, depth).transpose(2, 0, 1, 3)[:, None]  # (S, 1, groups, rows of one, I / S)
    sums = out[None] if S == 1 else np.empty_like(out, shape=(S, *out.shape))
    np.matmul(x, blocks[:, :, None], out=sums.reshape(S, *shape, count, columns).transpose(0, 3, 1, 2, 4))
    if S > 1:
        np.add(sums[0], sums[1], out=out)
        for more in sums[2:]:
            out += more
    return out


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
    """Return whether N rows are multiplied by blocks in less time."""
    (I, O), rows = product.w.shape, Rows.of(N)
    x, out = np.ones_like(product.w, shape=(rows.padded, I)), np.empty_like(product.w, shape=(rows.padded, O))
    cut, other = product.cut(), np.zeros_like(product.w, shape=1 << 19)  # read before each: w is not in a core's cache then
    times = {True: float("inf"), False: float("inf")}
    with threads.one_blas_thread():
        for _ in range(REPEATS + 1):
            for blocks in times:
                other += 1
                started = time.thread_time()
                if blocks:
                    multiply_blocks(x, cut, rows, out)
                else:
                    np.matmul(x[:N], product.w, out=out[:N])
                times[blocks] = min(times[blocks], time.thread_time() - started)
    return times[True] < times[False]


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
