"""Compare arrays, and name the factor between two of them."""

import math
from typing import Any

import numpy as np

from albert_np.learn.exercise import Case

RIGHT = 1e-8  # relative error of a right result; rounding is far below
FIT = 1e-6  # relative error of a candidate for a mistake
TINY = 1e-12
PLAIN = {2.0: "2", 0.5: "1/2", 3.0: "3", 1 / 3: "1/3", 4.0: "4", 0.25: "1/4", math.sqrt(2): "√2", 1 / math.sqrt(2): "1/√2"}


def as_number(value: Any) -> np.ndarray | None:
    """Return a value as a float64 array; None if it is not numeric."""
    if value is None or value is ...:
        return None
    try:
        array = np.asarray(value)
    except Exception:  # an object that refuses, or rows of unequal length
        return None
    return array.astype(np.float64) if array.dtype.kind in "fiub" else None


def is_close(a: Any, b: Any, tolerance: float = FIT, rounding: float = TINY) -> bool:
    """Return whether two arrays of one shape differ by at most `tolerance` times the largest element of b, plus `rounding`."""
    first, second = as_number(a), as_number(b)
    if first is None or second is None or first.shape != second.shape:
        return False
    finite = np.isfinite(second)
    if not np.array_equal(finite, np.isfinite(first)):
        return False
    first, second = first[finite], second[finite]
    off = np.abs(first - second).max(initial=0.0)
    return bool(off <= tolerance * np.abs(second).max(initial=0.0) + rounding)


def is_zero(a: Any) -> bool:
    array = as_number(a)
    return array is not None and bool(np.abs(array).max(initial=0.0) <= TINY)  # False where it has NaN


def factor(a: Any, b: Any) -> float | None:
    """Return c with a = c b, if there is one; None if there is not, or b is 0."""
    coefficients = solve(a, [b])
    return None if coefficients is None else coefficients[0]


def solve(a: Any, terms: list[Any]) -> list[float] | None:
    """Return the c with a = Σ c_k terms_k, if they exist and are unique, else None."""
    target, columns = as_number(a), [as_number(term) for term in terms]
    if target is None or not np.isfinite(target).all() or not terms:
        return None
    if any(column is None or column.shape != target.shape or not np.isfinite(column).all() for column in columns):
        return None
    if target.size < len(terms) + 2:
        return None
    matrix = np.stack([column.reshape(-1) for column in columns if column is not None], axis=1)
    scale = np.abs(matrix).max(0)
    if not (scale > TINY).all():
        return None
    found, _, rank, _ = np.linalg.lstsq(matrix / scale, target.reshape(-1), rcond=1e-9)
    if rank < len(terms):
        return None
    off = np.abs(matrix / scale @ found - target.reshape(-1)).max(initial=0.0)
    if off > FIT * np.abs(target).max(initial=0.0) + TINY:
        return None
    return [float(c) for c in found / scale]


def named_factors(case: Case) -> dict[str, float]:
    """Return the factors that have a name: those made of the sizes of the case, and simple fractions."""
    factors = {name: value for value, name in PLAIN.items()}
    for letter, size in case.sizes.items():
        factors |= {
            letter: float(size), f"1/{letter}": 1 / size, f"√{letter}": math.sqrt(size), f"1/√{letter}": 1 / math.sqrt(size),
        }  # fmt: skip
    return factors


def name_factor(values: list[float], cases: list[Case]) -> str | None:
    """Return the name of a factor that has these values in these cases, such as "√D" or "-1"; None if no name fits."""

    def equal(a: float, b: float) -> bool:
        return abs(a - b) <= FIT * max(1.0, abs(b))

    for sign, prefix in ((1.0, ""), (-1.0, "-")):
        if all(equal(value, sign) for value in values):
            return f"{prefix}1"
        tables = [named_factors(case) for case in cases]
        for name in tables[0]:
            if all(name in table and equal(value, sign * table[name]) for value, table in zip(values, tables)):
                return prefix + name
    if all(equal(value, 0.0) for value in values):
        return "0"
    if all(equal(value, values[0]) for value in values):
        return f"{values[0]:.6g}"
    return None


def worst_place(a: Any, b: Any) -> str:
    """Return where two arrays of one shape differ most, in words."""
    first, second = as_number(a), as_number(b)
    assert first is not None and second is not None
    with np.errstate(invalid="ignore"):
        off = np.where(np.isfinite(first), np.abs(first - second), np.inf)
    at = tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
    where = f"worst at [{', '.join(map(str, at))}]: " if at else ""
    yours, right = f"{first[at]:.6g}", f"{second[at]:.6g}"
    if yours == right:  # they differ beyond the sixth digit
        yours, right = f"{first[at]:.12g}", f"{second[at]:.12g}"
    return f"{where}yours {yours}, right {right}"
