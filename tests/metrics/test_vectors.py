"""Comparing vectors: against plain loops, scikit-learn and scipy."""

import numpy as np
import pytest

from albert_np.metrics import cosine_similarity, nearest, principal_components, sts_scores, vectors


def sample(n, H=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, H))


def test_cosine_similarity():
    a, b = sample(4), sample(3, seed=1)
    plain = [[x @ y / np.sqrt((x @ x) * (y @ y)) for y in b] for x in a]
    np.testing.assert_allclose(cosine_similarity(a, b), plain, atol=1e-15)
    own = cosine_similarity(a)
    assert np.array_equal(own, own.T) and np.allclose(own.diagonal(), 1)
    assert cosine_similarity(a.astype(np.float32)).dtype == np.float32 and own.max() <= 1
    assert cosine_similarity(a[0], b).shape == (1, 3)


def test_vectors_of_zeros_and_of_extreme_size():
    zero = np.array([[0.0, 0, 0], [1, 2, 3]])
    assert np.array_equal(cosine_similarity(zero)[0], [0, 0])
    large, small = zero[1:] * 1e200, zero[1:] * 1e-200
    assert cosine_similarity(large, small)[0, 0] == pytest.approx(1)


@pytest.mark.parametrize("block", [1 << 24, 7])
@pytest.mark.parametrize("k", [1, 4, 20, 50])
def test_nearest_is_a_search_of_all(k, block, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK", block)
    queries, corpus = sample(6), sample(20, seed=1)
    corpus[11] = corpus[3]  # of equally similar ones the first comes first
    found = nearest(queries, corpus, k)
    every = cosine_similarity(queries, corpus)
    expected = np.array([sorted(range(20), key=lambda j: (-row[j], j))[:k] for row in every])
    assert np.array_equal(found.indices, expected) and found.indices.shape == (6, min(k, 20))
    np.testing.assert_allclose(found.similarities, np.take_along_axis(every, expected, 1), atol=1e-15)


def test_nearest_among_none():
    assert nearest(sample(2), np.empty((0, 5)), 3).indices.shape == (2, 0)
    for wrong in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match="k: expected the number of neighbours, 1 or more"):
            nearest(sample(2), sample(3), wrong)


def test_principal_components_are_those_of_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = sample(30, 8) @ np.diag(np.arange(1, 9))
    fitted = decomposition.PCA(2).fit(x)
    mine = principal_components(x)
    np.testing.assert_allclose(np.abs(mine.points), np.abs(fitted.transform(x)), atol=1e-9)
    np.testing.assert_allclose(mine.shares, fitted.explained_variance_ratio_, atol=1e-12)
    np.testing.assert_allclose(principal_components(x[::-1]).points[::-1], mine.points, atol=1e-9)  # the signs, too


def test_few_directions():
    assert np.array_equal(principal_components(np.ones((3, 4))).points, np.zeros((3, 2)))
    one = principal_components(np.array([[1.0], [3.0]]))
    assert np.allclose(one.points, [[-1, 0], [1, 0]]) and np.allclose(one.shares, [1, 0])
    assert np.array_equal(principal_components(sample(1)).points, [[0, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_that_differ_by_rounding_have_no_directions(dtype):
    same = np.tile(sample(1, 128).astype(dtype), (3, 1))
    rounded = same + np.array([[0], [1], [0]]) * np.abs(same).max() * 4 * np.finfo(dtype).eps
    assert not np.array_equal(rounded, same)
    projection = principal_components(rounded.astype(dtype))
    assert not projection.points.any() and not projection.shares.any()
    different = principal_components((same * (1 + np.array([[0], [1], [0]]) * 1000 * np.finfo(dtype).eps)).astype(dtype))
    assert different.points.any() and different.shares[0] > 0.99


def test_sts_scores_are_scipy_s():
    from scipy.stats import pearsonr, spearmanr

    a, b, gold = sample(12), sample(12, seed=1), np.random.default_rng(2).integers(0, 5, 12)  # with ties
    cosines = [x @ y / np.sqrt((x @ x) * (y @ y)) for x, y in zip(a, b)]
    scores = sts_scores(a, b, gold)
    assert scores["spearman"] == pytest.approx(spearmanr(gold, cosines).statistic, abs=1e-12)
    assert scores["pearson"] == pytest.approx(pearsonr(gold, cosines).statistic, abs=1e-12)
    with pytest.warns(UserWarning, match="^all scores are 2, so there is no correlation: 0 stands for it"):
        assert sts_scores(a, b, [2] * 12) == {"spearman": 0, "pearson": 0}
    with pytest.warns(UserWarning, match="^all similarities are 1, so there is no correlation"):
        assert sts_scores(np.ones((3, 2)), np.ones((3, 2)), [1, 2, 3]) == {"spearman": 0, "pearson": 0}


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: cosine_similarity(sample(2), sample(2, 4)), "vectors of 5 and of 4 numbers cannot be compared"),
        (lambda: cosine_similarity([["a"]]), "a: expected vectors, an array of numbers"),
        (lambda: cosine_similarity(np.zeros((2, 2, 2))), r"a: expected vectors, .* got float64 \(2, 2, 2\)"),
        (lambda: nearest(np.array([[1, np.nan]]), sample(2, 2)), "queries: vector 0 holds NaN"),
        (lambda: sts_scores(sample(3), sample(3), [1, 2]), r"as many scores as pairs, at least 2, got 3 pairs and scores \(2,\)"),
        (lambda: sts_scores(sample(1), sample(1), [1]), "at least 2"),
        (lambda: sts_scores(sample(2), sample(2), [1, float("nan")]), r"scores\[1\] is NaN"),
    ],
)
def test_wrong_arguments(run, message):
    with pytest.raises(ValueError, match=message):
        run()
