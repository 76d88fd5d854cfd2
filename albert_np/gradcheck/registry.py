"""The registry of gradient checks."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from albert_np.gradcheck.tensor import Row

Rows: TypeAlias = Iterator[Row]
Check: TypeAlias = Callable[[int], Rows]  # takes a seed
CHECKS: dict[str, Check] = {}


def named(name: str) -> Callable[[Check], Check]:
    """Add a check under this name to CHECKS."""

    def enter(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return enter
