"""Scores of classes, of sets of labels and of numbers, defined as in GLUE and scikit-learn."""

import math

import numpy as np
from numpy.typing import ArrayLike

from albert_np.metrics.fractions import safe_ratio


def confusion(gold: ArrayLike, predicted: ArrayLike, C: int) -> np.ndarray:
    """Return the (C, C) counts of examples: one row per true class, one column per predicted class.

    gold, predicted   (n,) integers in [0, C)
    """
    gold, predicted = _as_classes(gold, predicted, C)
    return np.bincount(gold * C + predicted, minlength=C * C).reshape(C, C)


def _as_classes(gold: ArrayLike, predicted: ArrayLike, C: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both as integers. ValueError if their shapes differ, or for a class outside [0, C)."""
    gold, predicted = np.asarray(gold, np.intp), np.asarray(predicted, np.intp)
    if gold.shape != predicted.shape:
        raise ValueError(f"gold {gold.shape} and predicted {predicted.shape} must be of one shape")
    for name, values in (("gold", gold), ("predicted", predicted)):
        if values.size and not 0 <= values.min() <= values.max() < C:
            raise ValueError(f"{name} must be classes from 0 to {C - 1}, got {values.min()} to {values.max()}")
    return gold, predicted


def classification_scores(gold: ArrayLike, predicted: ArrayLike, C: int) -> dict[str, float]:
    """Score one class per example.   gold, predicted (n,) integers in [0, C), n >= 1

    Returns accuracy; macro_f1, the mean over the classes that occur; matthews, the correlation for several classes (Gorodkin
    2004); and, for two classes, f1 of class 1. ValueError without examples.
    """
    gold, predicted = _as_classes(gold, predicted, C)
    n = gold.size
    if not n:
        raise ValueError("there is nothing to score")
    counted = (gold[gold == predicted], gold, predicted)
    right, true, guessed = (np.bincount(each, minlength=C).astype(np.int64) for each in counted)  # (C,); their squares need it
    f1 = 2 * right / np.maximum(1, true + guessed)
    occurs = true + guessed > 0
    # the correlation's numerator is n right - true·guessed, its denominator the root of this one's two factors
    scale = math.sqrt(float(n * n - (guessed * guessed).sum())) * math.sqrt(float(n * n - (true * true).sum()))
    scores = {
        "accuracy": safe_ratio(right.sum(), n),
        "macro_f1": float(f1[occurs].mean()),
        "matthews": safe_ratio(n * right.sum() - (true * guessed).sum(), scale),
    }
    return {**scores, "f1": float(f1[1])} if C == 2 else scores


def multilabel_scores(gold: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Score a set of labels per example.   gold, predicted (n, C) booleans, n >= 1

    Returns micro_f1, macro_f1 (over all C labels) and exact_match, the share of examples with every label right.
    """
    gold, predicted = np.asarray(gold, bool), np.asarray(predicted, bool)
    _check_shapes(gold, predicted)
    right, total = (gold & predicted).sum(0), gold.sum(0) + predicted.sum(0)  # (C,)
    f1 = 2 * right / np.maximum(1, total)
    return {
        "micro_f1": safe_ratio(2 * right.sum(), total.sum()),
        "macro_f1": float(f1.mean()),
        "exact_match": float((gold == predicted).all(1).mean()),
    }


def regression_scores(gold: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Score numbers.   gold, predicted (n,), or (n, C): then correlations are means over the C columns

    Returns root_mean_squared_error, pearson and spearman (0 where one side is constant, since no correlation is defined then) and
    mean_squared_error.
    """
    gold, predicted = np.asarray(gold, np.float64), np.asarray(predicted, np.float64)
    _check_shapes(gold, predicted)
    columns = list(zip(gold.reshape(len(gold), -1).T, predicted.reshape(len(gold), -1).T))
    pearson, spearman = np.mean([correlations(a, b) for a, b in columns], axis=0).tolist()
    error = np.abs(gold - predicted)
    unit = float(error.max()) or 1.0  # squares of tiny errors would vanish
    scores = {"root_mean_squared_error": unit * math.sqrt(((error / unit) ** 2).mean()), "pearson": pearson, "spearman": spearman}
    return {**scores, "mean_squared_error": float((error**2).mean())}


def correlations(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return Pearson's and Spearman's correlation of (n,) and (n,); 0 if one of them is constant."""
    from scipy.stats import pearsonr, spearmanr

    a, b = a - a[0], b - b[0]  # scipy warns of numbers that differ by little of their size
    if not a.any() or not b.any():
        return 0.0, 0.0
    return float(pearsonr(a, b).statistic), float(spearmanr(a, b).statistic)


def _check_shapes(gold: np.ndarray, predicted: np.ndarray) -> None:
    if gold.shape != predicted.shape or not gold.size:
        raise ValueError(f"gold {gold.shape} and predicted {predicted.shape} must be of one shape, with something to score")
