"""Blocks of rows that fit a core's cache, so that the numbers stay in it from one line of a formula to the next."""

from collections.abc import Iterator

from albert_np.core.dispatch import Array

BLOCK_BYTES = 1 << 18  # of one array; a formula uses about four of them, and a core's second-level cache has a megabyte


def blocks(x: Array) -> Iterator[slice]:
    """x (N, ...) -> slices of its N rows. They depend on shape and dtype alone, so a sum over the blocks is reproducible."""
    rows = max(1, BLOCK_BYTES * len(x) // max(1, x.nbytes))
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)
