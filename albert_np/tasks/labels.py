"""Names of labels and their numbers."""

import warnings
from collections import Counter
from collections.abc import Iterable


def ordered(names: Iterable[str]) -> list[str]:
    """The different names: by number if all are numbers, else by the alphabet."""
    different = set(names)
    return sorted(different, key=lambda name: (0, int(name), name) if name.isdecimal() else (1, 0, name))


def index_of(name: str, names: list[str]) -> int | None:
    """The number of a label; None for one that training did not show."""
    return names.index(name) if name in names else None


def known(gold: Iterable[str], names: list[str]) -> list[str]:
    """The learned names, and behind them those that only the examples to be scored have, of which a warning tells."""
    fresh = [name for name in ordered(gold) if name not in names]
    if fresh:
        warnings.warn(
            f"labels that the training examples did not show: {', '.join(map(repr, fresh))}; they cannot be found", stacklevel=2
        )
    return [*names, *fresh]


def majority(names: Iterable[str]) -> str:
    """The commonest name, of equals the first by the alphabet."""
    counts = Counter(names)
    return min(counts, key=lambda name: (-counts[name], name))
