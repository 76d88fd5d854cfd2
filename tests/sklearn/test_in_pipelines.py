"""The estimators inside of scikit-learn's searches, pipelines and ensembles."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from estimators import NUMBERS, X, classifier, regressor, y
from scipy.stats import loguniform, randint
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

import albert_np as ab


def lower(texts):
    return [text.lower() for text in texts]


def pipeline(**params):
    return Pipeline([("lower", FunctionTransformer(lower)), ("albert", classifier(**params))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    classifier().fit(X, y).save_pretrained(path)
    return path


def test_cross_validation_of_a_pipeline():
    assert cross_val_score(pipeline(), X, y, cv=2).tolist() == [1, 1]
    p = cross_val_predict(pipeline(), X, y, cv=2, method="predict_proba")
    assert np.unique(y)[p.argmax(1)].tolist() == y.tolist()
    assert cross_val_score(regressor(epochs=25), X, NUMBERS, cv=2).min() > 0.5


def test_a_search_over_distributions():
    drawn = {"albert__learning_rate": loguniform(4e-3, 6e-3), "albert__epochs": randint(9, 12)}
    search = RandomizedSearchCV(pipeline(), drawn, n_iter=2, cv=2, random_state=0, error_score="raise").fit(X, y)
    assert search.best_score_ == 1 and search.predict(X).tolist() == y.tolist()
    assert search.best_estimator_["albert"].trained_.about["settings"]["epochs"] == search.best_params_["albert__epochs"]


def test_ensembles():
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    voting = VotingClassifier([("albert", classifier()), ("words", words)], voting="soft").fit(X, y)
    assert voting.predict(X).tolist() == y.tolist()
    parts = [estimator.predict_proba(X) for estimator in voting.estimators_]
    assert voting.predict_proba(X) == pytest.approx(np.mean(parts, 0))
    stacking = StackingClassifier([("albert", classifier()), ("words", words)], cv=2).fit(X, y)
    assert stacking.score(X, y) == 1
    calibrated = CalibratedClassifierCV(classifier(), cv=2).fit(X, y)
    p = calibrated.predict_proba(X)
    assert calibrated.score(X, y) == 1 and p.sum(1) == pytest.approx(1)
    one_to_rest = OneVsRestClassifier(classifier(epochs=1)).fit(X, np.array(["a", "b", "c", "d"] * 10))
    assert one_to_rest.predict_proba(X).shape == (40, 4)


def test_ensembles_that_are_given_weights_say_so():
    voting = VotingClassifier([("albert", classifier())])
    with pytest.raises(TypeError, match=r"sample.weight"):
        voting.fit(X, y, sample_weight=np.ones(40))


# ---- vectors ----


def test_vectors_are_those_of_the_embedder(folder):
    for options in ({}, {"pooling": "cls", "layer": 0}, {"normalize": True, "max_length": 60, "tokens_per_batch": 64}):
        vectorizer = ab.sklearn.AlbertVectorizer(folder, **options)
        embedder = ab.Embedder.from_pretrained(folder, **options)
        assert np.array_equal(vectorizer.fit_transform(X), embedder.encode(X))
    assert vectorizer.transform(["good"]).dtype == np.float32
    assert vectorizer.get_feature_names_out().tolist() == [f"albertvectorizer{i}" for i in range(32)]


def test_vectors_are_features_of_other_estimators(folder):
    model = make_pipeline(ab.sklearn.AlbertVectorizer(folder, pooling="cls"), LogisticRegression(C=100)).fit(X, y)
    assert model.score(X, y) == 1
    grid = {"albertvectorizer__pooling": ["mean", "cls"], "albertvectorizer__layer": np.array([0, 1])}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4 and search.best_score_ == 1


def test_a_column_of_texts_beside_numbers(folder):
    table = np.array([[text, n] for n, text in enumerate(X)], dtype=object)
    columns = ColumnTransformer([("text", ab.sklearn.AlbertVectorizer(folder), 0), ("number", "passthrough", [1])])
    features = columns.fit_transform(table)
    assert features.shape == (40, 33) and features[:, 32].tolist() == list(range(40))
    assert columns.get_feature_names_out()[[0, 31, 32]].tolist() == [
        "text__albertvectorizer0", "text__albertvectorizer31", "number__x1"
    ]  # fmt: skip


def test_frames_of_pandas_come_out(folder):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"text": X, "number": range(40)}, index=range(100, 140))
    vectorizer = ab.sklearn.AlbertVectorizer(folder).set_output(transform="pandas")
    vectors = vectorizer.fit_transform(frame[["text"]])
    assert list(vectors.columns) == vectorizer.get_feature_names_out().tolist() and list(vectors.index) == list(range(100, 140))
    for choice in ("text", ["text"]):  # a Series, or a DataFrame of one column
        columns = ColumnTransformer(
            [("text", ab.sklearn.AlbertVectorizer(folder), choice), ("number", "passthrough", ["number"])]
        )
        assert np.array_equal(columns.fit_transform(frame)[:, :32], vectors.to_numpy())


def test_a_pickled_vectorizer_has_its_weights(folder, tmp_path):
    import pickle
    import shutil

    shutil.copytree(folder, tmp_path / "model")
    vectorizer = ab.sklearn.AlbertVectorizer(tmp_path / "model", pooling="cls", layer=0, normalize=True).fit(X)
    data = pickle.dumps(vectorizer)
    shutil.rmtree(tmp_path / "model")
    loaded = pickle.loads(data)
    assert np.array_equal(loaded.transform(X), vectorizer.transform(X)) and repr(loaded.embedder_) == repr(vectorizer.embedder_)
    assert not hasattr(pickle.loads(pickle.dumps(ab.sklearn.AlbertVectorizer("x"))), "embedder_")


def test_errors_of_the_vectorizer(folder):
    from sklearn.exceptions import NotFittedError

    vectorizer = ab.sklearn.AlbertVectorizer(folder)
    for call in (vectorizer.transform, vectorizer.get_feature_names_out):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(ValueError, match=r"^X has pairs of texts, and a vectorizer takes one column"):
        vectorizer.fit([("a", "b")])
    with pytest.raises(ValueError, match=r"^model must be a folder, .* a vectorizer has no model of its own$"):
        ab.sklearn.AlbertVectorizer().fit(X)
    with pytest.raises(ValueError, match=r"^pooling: expected one of"):
        ab.sklearn.AlbertVectorizer(folder, pooling="max").fit(X)
    with pytest.warns(UserWarning, match="cut"):
        ab.sklearn.AlbertVectorizer(folder, max_length=4).fit(X).transform(["A bad film, number 3, number 4."])


# ---- two processes ----


@pytest.mark.slow
def test_a_grid_search_in_two_processes():
    """Two processes find what one finds, candidate by candidate, and so many epochs are better than one."""
    grid = {"albert__learning_rate": [1e-5, 5e-3], "albert__epochs": [1, 20]}
    found = [
        GridSearchCV(pipeline(), grid, cv=3, n_jobs=n_jobs, error_score="raise").fit(X, y) for n_jobs in (1, 2)
    ]  # fmt: skip
    alone, both = (search.cv_results_["mean_test_score"] for search in found)
    assert alone == pytest.approx(both) and found[1].best_params_ == {"albert__epochs": 20, "albert__learning_rate": 5e-3}
    assert found[1].best_score_ == 1 and alone.min() < 0.8
    assert np.array_equal(found[0].predict_proba(X), found[1].predict_proba(X))
    fitted = found[1].best_estimator_
    assert cross_val_score(fitted, X, y, cv=2, n_jobs=2).tolist() == [1, 1]


@pytest.mark.slow
def test_threads_find_the_same():
    import joblib

    expected = cross_val_score(classifier(epochs=3), X, y, cv=4)
    with joblib.parallel_backend("threading", n_jobs=2):
        assert cross_val_score(classifier(epochs=3), X, y, cv=4).tolist() == expected.tolist()
