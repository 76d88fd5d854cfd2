"""Scores of classes, of sets of classes and of numbers, as GLUE and scikit-learn count them."""

import math
from typing import Any

import numpy as np

from albert_np.metrics.fractions import ratio


def confusion(gold: Any, found: Any, C: int) -> np.ndarray:
    """gold, found (n,) integers in [0, C) -> (C, C) counts: a row a true class, a column a found one"""
    gold, found = np.asarray(gold, np.int64), np.asarray(found, np.int64)
    if gold.shape != found.shape:
        raise ValueError(f"gold {gold.shape} and found {found.shape} must be of one shape")
    for name, values in (("gold", gold), ("found", found)):
        if values.size and not 0 <= values.min() <= values.max() < C:
            raise ValueError(f"{name} must be classes from 0 to {C - 1}, got {values.min()} to {values.max()}")
    return np.bincount(gold * C + found, minlength=C * C).reshape(C, C)


def classes(gold: Any, found: Any, C: int) -> dict[str, float]:
    """Scores of one class for each example.   gold, found (n,) integers in [0, C), n >= 1

    -> accuracy; macro_f1, the mean over the classes that occur; matthews, the correlation of several classes (Gorodkin 2004);
    and for two classes f1, that of class 1.
    """
    table = confusion(gold, found, C)
    n, right = int(table.sum()), np.diag(table)
    if not n:
        raise ValueError("there is nothing to score")
    true, said = table.sum(1), table.sum(0)  # (C,)
    f1 = 2 * right / np.maximum(1, true + said)
    occurs = true + said > 0
    spread = math.sqrt(float(n * n - (said * said).sum())) * math.sqrt(float(n * n - (true * true).sum()))
    scores = {
        "accuracy": ratio(right.sum(), n),
        "macro_f1": float(f1[occurs].mean()),
        "matthews": ratio(n * right.sum() - (true * said).sum(), spread),
    }
    return {**scores, "f1": float(f1[1])} if C == 2 else scores


def sets(gold: Any, found: Any) -> dict[str, float]:
    """Scores of a set of classes for each example.   gold, found (n, C) booleans, n >= 1

    -> micro_f1, macro_f1 (over all C classes) and exact_match, the share of examples with every class right.
    """
    gold, found = np.asarray(gold, bool), np.asarray(found, bool)
    if gold.shape != found.shape or not gold.size:
        raise ValueError(f"gold {gold.shape} and found {found.shape} must be of one shape, with something to score")
    right, total = (gold & found).sum(0), gold.sum(0) + found.sum(0)  # (C,)
    each = 2 * right / np.maximum(1, total)
    return {
        "micro_f1": ratio(2 * right.sum(), total.sum()),
        "macro_f1": float(each.mean()),
        "exact_match": float((gold == found).all(1).mean()),
    }


def numbers(gold: Any, found: Any) -> dict[str, float]:
    """Scores of numbers.   gold, found (n,), or (n, C): then each is the mean over the C columns

    -> pearson and spearman (0 where one side is constant: no correlation is defined), mean_squared_error.
    """
    gold, found = np.asarray(gold, np.float64), np.asarray(found, np.float64)
    if gold.shape != found.shape or not gold.size:
        raise ValueError(f"gold {gold.shape} and found {found.shape} must be of one shape, with something to score")
    columns = list(zip(gold.reshape(len(gold), -1).T, found.reshape(len(gold), -1).T))
    return {
        "pearson": float(np.mean([correlation(*pair) for pair in columns])),
        "spearman": float(np.mean([correlation(*map(ranks, pair)) for pair in columns])),
        "mean_squared_error": float(((gold - found) ** 2).mean()),
    }


def ranks(x: np.ndarray) -> np.ndarray:
    """1 for the least number; equal numbers share the mean of their ranks."""
    from scipy.stats import rankdata

    return rankdata(x)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r of (n,) and (n,)."""
    if (a == a[0]).all() or (b == b[0]).all():
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)))
