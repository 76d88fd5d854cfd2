"""Rows in blocks that fit a core's cache: between one step of a formula and the next, the numbers do not leave it."""

from collections.abc import Iterator

from albert_np.core.dispatch import Array

BLOCK_BYTES = 1 << 18  # of one array; a formula works on some four of them, and a core's second-level cache has a megabyte


def blocks(x: Array) -> Iterator[slice]:
    """x (N, ...) -> slices of its N rows. The cut depends on the shape alone, so a sum over the blocks is always the same."""
    rows = max(1, BLOCK_BYTES * len(x) // max(1, x.nbytes))
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)
