"""Vectors compared: cosine similarity, nearest neighbours, a projection onto two dimensions, and agreement with human scores."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from albert_np.metrics.classification import correlations

ROUNDING = 32  # units in the last place of the largest number: a text's vectors in different batches differ by a few
BLOCK = 1 << 24  # similarities that `nearest` computes at a time


class Neighbours(NamedTuple):
    """The k nearest vectors to each of Q queries, the nearest first: indices (Q, k) and their cosine similarities (Q, k)."""

    indices: np.ndarray
    similarities: np.ndarray


class Projection(NamedTuple):
    """points (n, 2) of a projection, and the shares of the variance that its axes have, (2,)."""

    points: np.ndarray
    shares: np.ndarray


def as_vectors(name: str, values: object) -> np.ndarray:
    """Return values as vectors (n, H), a single one as (1, H). ValueError that names the argument if they are not."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        raise ValueError(f"{name}: expected vectors, an array of numbers (n, H), got {array.dtype} {array.shape}")
    array = np.atleast_2d(array).astype(np.result_type(array.dtype, np.float32), copy=False)
    if not (finite := np.isfinite(array).all(axis=1)).all():
        raise ValueError(f"{name}: vector {int(finite.argmin())} holds NaN or infinities")
    return array


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (n, H) divided by their lengths; a vector of zeros stays as it is."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0)  # squares of very large or small numbers would be lost
    scaled = vectors / np.where(largest > 0, largest, 1)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return scaled / np.where(length > 0, length, 1)


def cosine_similarity(a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Return the cosine of the angle between each of (n, H) and each of (m, H), an (n, m) array; with a vector of zeros it is 0.

    b: by default a.
    """
    a, b = as_vectors("a", a), None if b is None else as_vectors("b", b)
    _check_widths(a, a if b is None else b)
    a = normalise(a)
    return np.clip(a @ (a if b is None else normalise(b)).T, -1, 1)


def _check_widths(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"vectors of {a.shape[1]} and of {b.shape[1]} numbers cannot be compared: they are of different models")


def nearest(queries: np.ndarray, corpus: np.ndarray, k: int = 5) -> Neighbours:
    """Return for each of the queries (Q, H) the k vectors of the corpus (n, H) with the greatest cosine similarity, all if n < k.

    Of vectors that are equally similar the one with the lower index comes first.
    """
    queries, corpus = as_vectors("queries", queries), as_vectors("corpus", corpus)
    _check_widths(queries, corpus)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k: expected the number of neighbours, 1 or more, got {k!r}")
    k = min(int(k), len(corpus))
    corpus, rows = normalise(corpus), max(1, BLOCK // max(1, len(corpus)))
    indices = np.empty((len(queries), k), np.int64)
    similarities = np.empty((len(queries), k), np.result_type(queries, corpus))
    for first in range(0, len(queries), rows):
        block = np.clip(normalise(queries[first : first + rows]) @ corpus.T, -1, 1)  # (rows, n)
        for i, row in enumerate(block, start=first):
            indices[i] = largest(row, k)
            similarities[i] = row[indices[i]]
    return Neighbours(indices, similarities)


def largest(values: np.ndarray, k: int) -> np.ndarray:
    """Return the indices of the k largest of the values (n,), in descending order, of equal ones the first."""
    if k == 0:
        return np.empty(0, np.int64)
    limit = np.partition(values, len(values) - k)[len(values) - k]
    candidates = np.flatnonzero(values >= limit)
    return candidates[np.argsort(-values[candidates], kind="stable")[:k]]


def principal_components(vectors: np.ndarray) -> Projection:
    """Project vectors (n, H) onto the two directions in which they vary most (PCA).

    With the mean subtracted, X = U S Vᵀ; the points are the first two columns of X V. The sign of a direction is chosen so that
    its largest coordinate is positive. If there are fewer directions than two, the other coordinate is 0; vectors that differ
    by no more than the rounding of their dtype have none.
    """
    given = as_vectors("vectors", vectors)
    vectors = given.astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    if np.abs(centred).max(initial=0) <= ROUNDING * np.finfo(given.dtype).eps * np.abs(vectors).max(initial=0):
        centred[...] = 0
    _, s, directions = np.linalg.svd(centred, full_matrices=False)  # (r,), (r, H)
    points, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    for i, direction in enumerate(directions[:2]):
        sign = np.sign(direction[np.abs(direction).argmax()]) or 1.0
        points[:, i] = centred @ direction * sign
        shares[i] = s[i] ** 2 / total if (total := (s**2).sum()) > 0 else 0.0
    return Projection(points, shares)


def sts_scores(a: np.ndarray, b: np.ndarray, gold: Sequence[float]) -> dict[str, float]:
    """Return Spearman's and Pearson's correlation between the cosine of each pair of vectors and its human score.

    a, b (n, H); gold (n,), n >= 2. If the scores or the cosines are all equal, the correlations are 0, and a warning says so.
    """
    a, b = as_vectors("a", a), as_vectors("b", b)
    try:
        scores = np.asarray(gold, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"scores: expected a number for each pair ({error})") from None
    if not len(a) == len(b) == len(scores) or scores.ndim != 1 or len(scores) < 2:
        raise ValueError(f"expected as many scores as pairs, at least 2, got {len(a)} pairs and scores {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"scores[{int(np.isfinite(scores).argmin())}] is NaN or infinite")
    _check_widths(a, b)
    cosines = (normalise(a) * normalise(b)).sum(axis=1).astype(np.float64)
    for name, values in (("scores", scores), ("similarities", cosines)):
        if (values == values[0]).all():
            warnings.warn(f"all {name} are {values[0]:g}, so there is no correlation: 0 stands for it", stacklevel=3)
    pearson, spearman = correlations(scores, cosines)
    return {"spearman": spearman, "pearson": pearson}
