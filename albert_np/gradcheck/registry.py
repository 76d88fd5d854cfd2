"""The registry of gradient checks."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from albert_np.gradcheck.tensor import Row

Rows: TypeAlias = Iterator[Row]
Check: TypeAlias = Callable[[int], Rows]  # takes a seed
CHECKS: dict[str, Check] = {}
SMOOTH = ("gelu_new", "gelu", "tanh")  # activations without a kink; any other is checked as relu is, which has one


def named(name: str) -> Callable[[Check], Check]:
    """Return a decorator that adds a check to CHECKS under this name."""

    def enter(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return enter
