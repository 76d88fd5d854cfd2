"""The classifier and the regressor, used as scikit-learn uses estimators."""

import copy
import pickle
import re
import signal
import sys
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import joblib
from estimators import NUMBERS, SIZES, X, classifier, regressor, y
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import albert_np as ab

OTHER = [  # of several lengths, so that they share no batch in their order
    "A good film.",
    "A bad film, number 3, which is a film, number 4, number 5.",
    "bad",
    "A good film, number 7, good, good.",
    "good",
]


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(X, y)


@pytest.fixture(scope="module")
def fitted_regressor():
    return regressor().fit(X, NUMBERS)


def same_answers(a, b):
    assert type(a) is type(b)
    assert np.array_equal(a.predict(OTHER), b.predict(OTHER))
    if hasattr(a, "predict_proba"):
        assert np.array_equal(a.predict_proba(OTHER), b.predict_proba(OTHER))
    return True


# ---- classes ----


@pytest.mark.parametrize(
    "classes",
    [
        ["bad", "good"], [0, 1], [-1, 1], [False, True], np.array([3, 7], np.int8), np.array([1.0, 2.0]),
        np.array(["1", "10"], dtype=object), ["", "x"],
    ],
    ids=str,
)  # fmt: skip
def test_classes_keep_their_type_and_order(classes):
    classes = np.asarray(classes)
    labels = classes[(y == "good").astype(int)]
    estimator = classifier().fit(X, labels)
    assert estimator.classes_.dtype == classes.dtype and estimator.classes_.tolist() == classes.tolist()
    predicted = estimator.predict(X)
    assert predicted.dtype == classes.dtype and predicted.tolist() == labels.tolist()


@pytest.mark.parametrize(("dtype", "kind"), [("Int64", np.int64), ("Int8", np.int8), ("boolean", np.bool_)])
def test_classes_of_a_nullable_column_keep_their_type(dtype, kind):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    labels = pandas.Series((y == "good").astype(int)).astype(dtype)
    estimator = classifier().fit(X, labels)
    assert estimator.classes_.dtype == estimator.predict(X).dtype == kind and estimator.score(X, labels) == 1
    assert sorted(estimator.trained_.task.options["labels"]) == [str(each) for each in labels.unique()][::-1]
    assert estimator.predict_proba(X).argmax(1).tolist() == (y == "good").astype(int).tolist()
    assert estimator.score(X, labels.tolist()) == 1


def test_columns_are_in_the_order_of_the_classes():
    """The model sorts 2 before 10, and NumPy sorts the texts "10" before "2" and "-1"."""
    words = {"10": "ten", "2": "two", "-1": "minus one"}
    labels = np.array([*words] * 14)
    texts = [f"{words[label]} {n}" for n, label in enumerate(labels)]
    estimator = classifier().fit(texts, labels)
    assert estimator.classes_.tolist() == ["-1", "10", "2"] != estimator.trained_.task.options["labels"]
    p, answers = estimator.predict_proba(texts), estimator.trained_.predict(texts)
    assert p == pytest.approx(np.array([[a["probabilities"][name] for name in estimator.classes_] for a in answers]), abs=1e-6)
    assert p.shape == (42, 3) and np.ptp(p, axis=1).min() > 0.01 and p.sum(1) == pytest.approx(1, abs=1e-12)
    assert estimator.predict(texts).tolist() == [answer["label"] for answer in answers]
    assert estimator.classes_[p.argmax(1)].tolist() == estimator.predict(texts).tolist()
    assert np.log(p) == pytest.approx(estimator.predict_log_proba(texts))
    scores = estimator.decision_function(texts)
    assert scores.shape == (42, 3) and np.exp(scores - np.log(np.exp(scores).sum(1))[:, None]) == pytest.approx(p)


def test_the_decision_on_two_classes_is_the_log_odds_of_the_second(fitted):
    p = fitted.predict_proba(OTHER)
    assert fitted.decision_function(OTHER) == pytest.approx(np.log(p[:, 1] / p[:, 0]), abs=1e-9)
    assert fitted.trained_.predict(OTHER)[0]["probabilities"]["bad"] == pytest.approx(p[0, 0], abs=1e-6)


def test_names_that_are_not_distinct_become_indices():
    class Grade(float):
        def __str__(self):
            return "grade"

    labels = np.array([Grade(0), Grade(1)] * 20, dtype=object)
    from albert_np.sklearn.classifier import name_classes

    assert name_classes(np.unique(labels)) == ["0", "1"]


def test_several_labels_for_each_text():
    from scipy.sparse import csr_array

    table = np.zeros((40, 12), int)  # the model sorts the labels as texts of digits: 2 before 10
    table[:, 2], table[y == "good", 10], table[y == "bad", 3] = 1, 1, 1
    with pytest.warns(UserWarning, match=r"no text has the label of column 0, 1, 4, 5, 6, 7, 8, 9, 11 of y, so it will not be"):
        estimator = classifier().fit(X, table)
    p, answers = estimator.predict_proba(X), estimator.trained_.predict(X)
    expected = np.array([[answer["probabilities"].get(str(name), 0) for name in range(12)] for answer in answers])
    assert p.shape == (40, 12) and p == pytest.approx(expected, abs=1e-6) and (p[:, 0] == 0).all() and (p[:, 2] > 0.5).all()
    assert np.array_equal(estimator.predict(X), p > 0.5) and estimator.predict(X).dtype.kind == "i"
    assert estimator.score(X, estimator.predict(X)) == 1 and estimator.classes_.tolist() == list(range(12))
    assert estimator.decision_function(X)[:, 2] == pytest.approx(np.log(p[:, 2] / (1 - p[:, 2])), abs=1e-9)
    assert np.exp(estimator.predict_log_proba(X)) == pytest.approx(p)
    with pytest.warns(UserWarning, match="no text has the label of column 0"):
        assert same_answers(estimator, classifier().fit(X, csr_array(table)))


def test_numbers_of_any_unit(fitted_regressor):
    assert fitted_regressor.score(X, NUMBERS) > 0.9
    assert fitted_regressor.predict(X).dtype == np.float64
    thousands = regressor().fit(X, (1000 * NUMBERS).astype(int))
    assert thousands.predict(OTHER) == pytest.approx(1000 * fitted_regressor.predict(OTHER), rel=1e-5)


# ---- texts ----


def test_the_order_of_texts_does_not_matter(fitted, fitted_regressor):
    order = [3, 0, 4, 1, 2]
    p = fitted.predict_proba(OTHER)
    assert np.ptp(p[:, 0]) > 0.1
    assert fitted.predict_proba([OTHER[i] for i in order]) == pytest.approx(p[order], abs=1e-6)
    for i in range(5):
        assert fitted.predict_proba(OTHER[i : i + 1])[0] == pytest.approx(p[i], abs=1e-6)
        assert fitted_regressor.predict(OTHER)[i] == pytest.approx(fitted_regressor.predict([OTHER[i]])[0], abs=1e-5)


def test_pairs_of_texts_in_every_form():
    """The label says which of the two is good, so that neither text alone tells it."""
    pairs = [("good", "bad"), ("bad", "good")] * 20
    labels = [1, 0] * 20
    settings = dict(epochs=30)
    by_tuples = classifier(**settings).fit(pairs, labels)
    assert by_tuples.score(pairs, labels) == 1 and by_tuples.n_features_in_ == 2
    for form in (np.array(pairs), np.array(pairs, dtype=object), [list(pair) for pair in pairs]):
        assert same_pairs(by_tuples, classifier(**settings).fit(form, labels), form)
    with pytest.raises(ValueError, match=r"^X has texts, but AlbertClassifier was fitted on pairs of texts$"):
        by_tuples.predict(X)


def same_pairs(a, b, pairs):
    return np.array_equal(a.predict_proba(pairs), b.predict_proba(pairs))


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"first": ["good", "bad"] * 20, "second": ["bad", "good"] * 20, "label": [1, 0] * 20})
    estimator = classifier(epochs=30).fit(frame[["first", "second"]], frame["label"])
    assert estimator.feature_names_in_.tolist() == ["first", "second"] and estimator.n_features_in_ == 2
    assert estimator.score(frame[["first", "second"]], frame["label"]) == 1
    with pytest.raises(ValueError, match=r"X has the columns \['second', 'first'\], but .* was fitted on \['first', 'second'\]"):
        estimator.predict(frame[["second", "first"]])
    assert not hasattr(estimator.fit([("a", "b"), ("c", "d")], [0, 1]), "feature_names_in_")
    series = pandas.Series(X, index=np.arange(40)[::-1])
    single = classifier().fit(series, pandas.Series(y, dtype="category"))
    assert same_answers(single, classifier().fit(X, y)) and not hasattr(single, "feature_names_in_")
    assert same_answers(single, classifier().fit(pandas.DataFrame({"text": X}), y))
    with pytest.raises(ValueError, match=r"X\[1\] must be a text.*; fill in a text"):
        single.predict(pandas.Series(["a", pandas.NA]))
    with pytest.raises(ValueError, match=r"^Input y contains NaN: y\[1\] is (<NA>|nan)"):
        classifier().fit(X[:2], pandas.Series(["a", pandas.NA]))


def test_a_second_fit_forgets_the_first():
    estimator = classifier().fit([(text, "x") for text in X], y)
    estimator.fit(X, NUMBERS)
    assert estimator.n_features_in_ == 1 and estimator.classes_.tolist() == [1.0, 4.0] and estimator.score(X, NUMBERS) == 1


# ---- parameters, copies, files ----


def test_parameters_are_stored_as_they_are():
    config = ab.AlbertConfig.preset("tiny", **SIZES)
    estimator = ab.sklearn.AlbertClassifier(config=config, epochs=7, settings={"warmup": 0.2}, balance=True)
    assert estimator.get_params()["config"] is config and estimator.get_params()["balance"] is True
    copied = clone(estimator.set_params(epochs=3))
    assert copied.get_params() == estimator.get_params() and copied.epochs == 3 and copied is not estimator
    assert "epochs=3" not in repr(copied) and "balance=True" in repr(copied)  # the default is not shown
    assert not hasattr(clone(classifier().fit(X[:4], y[:4])), "trained_")


def test_numbers_that_a_search_draws_are_those_of_numpy():
    drawn = classifier(
        epochs=np.int64(10), learning_rate=np.float64(5e-3), vocab_size=np.int32(80), max_length=np.int64(128),
        settings={"changes": {name: np.int64(size) for name, size in SIZES.items()}}, random_state=np.int64(0),
    )  # fmt: skip
    assert same_answers(drawn.fit(X, y), classifier().fit(X, y))


def test_parameters_reach_the_training(fitted):
    estimator = classifier(
        dropout=0.1, epochs=np.int64(2), weight_decay=0.3, settings={"changes": SIZES, "layer_decay": 0.5}, balance=True
    )
    about = estimator.fit(X, y).trained_.about["settings"]
    assert (about["epochs"], about["weight_decay"], about["layer_decay"], about["balance"]) == (2, 0.3, 0.5, True)
    config = estimator.trained_.model.config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.hidden_size) == (0.1, 0.1, 32)
    assert fitted.trained_.about["settings"]["seed"] == 0 == fitted.seed_
    assert ab.sklearn.AlbertClassifier()._finetune_arguments()["config"] == "small"
    assert ab.sklearn.AlbertClassifier("folder")._finetune_arguments()["config"] is None


def test_random_state():
    one, two = (classifier(random_state=np.random.RandomState(3)).fit(X, y) for _ in range(2))
    assert same_answers(one, two) and one.seed_ == two.seed_
    seeds = {classifier(random_state=None, epochs=1).fit(X, y).seed_ for _ in range(3)}
    assert len(seeds) == 3
    same = ab.finetune(
        "classification", ab_examples(), config="tiny", changes=SIZES, vocab_size=80, epochs=10, learning_rate=5e-3,
        tokens_per_batch=128, seed=0, progress=False,
    )  # fmt: skip
    assert np.array_equal(same.trained.model.params.flat, classifier().fit(X, y).trained_.model.params.flat)


def ab_examples():
    from albert_np.data.formats import Labelled

    return [Labelled(text, label=str(label)) for text, label in zip(X, y)]


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_a_fitted_estimator_survives_a_pickle(kind, fitted, fitted_regressor, tmp_path):
    estimator = fitted if kind == "classifier" else fitted_regressor
    assert same_answers(pickle.loads(pickle.dumps(estimator)), estimator)
    assert same_answers(copy.deepcopy(estimator), estimator)
    joblib.dump(estimator, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    assert same_answers(loaded, estimator) and loaded.get_params() == estimator.get_params()
    assert repr(loaded.history_) == repr(estimator.history_) and loaded.trained_ is not estimator.trained_
    assert not hasattr(pickle.loads(pickle.dumps(clone(estimator))), "trained_")


def test_a_copy_does_not_share_its_weights(fitted):
    copied = copy.deepcopy(fitted)
    before = fitted.predict_proba(OTHER)
    copied.trained_.model.params.flat[...] = 0
    assert np.array_equal(fitted.predict_proba(OTHER), before)
    assert copied.predict_proba(OTHER) == pytest.approx(0.5)


def test_the_folder_of_a_fitted_estimator_is_that_of_a_trained_model(fitted, fitted_regressor, tmp_path):
    fitted.save_pretrained(tmp_path / "classes")
    answers = ab.Trained.from_pretrained(tmp_path / "classes").predict(OTHER)
    assert [answer["label"] for answer in answers] == fitted.predict(OTHER).tolist()
    loaded = ab.sklearn.AlbertClassifier.from_pretrained(tmp_path / "classes", epochs=2)
    assert same_answers(loaded, fitted) and loaded.n_features_in_ == 1 and loaded.epochs == 2
    assert loaded.model == tmp_path / "classes"
    fitted_regressor.save_pretrained(tmp_path / "numbers")
    assert same_answers(ab.sklearn.AlbertRegressor.from_pretrained(tmp_path / "numbers"), fitted_regressor)
    with pytest.raises(ValueError, match="was trained on classes: use AlbertClassifier"):
        ab.sklearn.AlbertRegressor.from_pretrained(tmp_path / "classes")
    with pytest.raises(ValueError, match="was trained on numbers: use AlbertRegressor"):
        ab.sklearn.AlbertClassifier.from_pretrained(tmp_path / "numbers")


def test_training_continues_from_a_folder(fitted, tmp_path):
    fitted.save_pretrained(tmp_path)
    estimator = ab.sklearn.AlbertClassifier(str(tmp_path), epochs=1, learning_rate=1e-6).fit(X, y)
    assert estimator.trained_.about["start"] == str(tmp_path) and estimator.score(X, y) == 1
    assert estimator.predict_proba(OTHER) == pytest.approx(fitted.predict_proba(OTHER), abs=0.01)


def test_nothing_is_printed_or_left_behind(capfd, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    estimator = classifier().fit(X, y)
    pickle.loads(pickle.dumps(estimator)).predict(OTHER)
    assert capfd.readouterr() == ("", "") and list(tmp_path.iterdir()) == []
    assert any("training a vocabulary" in line for line in estimator.notes_)
    classifier(verbose=True, out=tmp_path / "run").fit(X, y)
    shown = capfd.readouterr()
    assert shown.out == "" and "training a vocabulary" in shown.err and re.search(r"step (\d+)/\1 loss", shown.err)
    assert (tmp_path / "run" / "metrics.jsonl").is_file()


# ---- the choice of the epoch ----


def test_a_share_of_the_texts_chooses_the_epoch():
    estimator = classifier(validation_fraction=0.25, patience=2, epochs=40).fit(X, y)
    history = estimator.history_
    assert history.best == len(history.epochs) - 2 < 38  # stopped after two epochs without improvement
    assert "dev: 10 examples; 2 classes: bad (5), good (5)" in estimator.notes_
    by_numbers = regressor(validation_fraction=np.float64(0.1), epochs=2).fit(X, NUMBERS)
    assert len(by_numbers.history_.epochs) == 2 and "dev: 4 examples" in by_numbers.notes_[1]


# ---- errors ----


@pytest.mark.parametrize(
    ("given", "labels", "message"),
    [
        (X, y[:3], r"Found input variables with inconsistent numbers of samples: \[40, 3\]"),
        (X, None, r"AlbertClassifier requires y to be passed, but the target y is None"),
        (X, ["a"] * 40, r"y has one class, 'a': expected two classes or more"),
        (X, [None, *y[1:]], r"Input y contains NaN: y\[0\] is None"),
        (X, np.where(y == "good", np.nan, 1.0), r"Input y contains NaN: y\[0\] is nan"),
        (X, np.where(y == "good", np.inf, 1.0), r"Input y contains infinity"),
        (X, np.linspace(0, 1, 40), r"Unknown label type: continuous"),
        (X, [["a", "b"]] * 40, r"y has several classes for each text: make it an indicator matrix, with MultiLabelBinarizer"),
        (X, [["a", "b"], ["a"]] * 20, r".*MultiLabelBinarizer"),
        (X, np.ones((40, 2)) * 3, r"y has two dimensions, so it must be an indicator matrix of zeros and ones"),
        ([], [], r"X is empty: expected at least one text"),
        ("a text", ["a"], r"X must be a list, array or Series of texts, or of pairs of texts, not one text"),
        (X[:2] + [None], y[:3], r"X\[2\] must be a text, or a pair of texts, not None; fill in a text"),
        (np.ones((3, 2)), y[:3], r"X\[0\] must be a text, or a pair of texts, not \[1.0, 1.0\]$"),
        ([*X[:2], ("a", "b")], y[:3], r"X\[0\] is a text, and X\[2\] is a pair of texts: expected all alike"),
    ],
)
def test_wrong_data(given, labels, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        classifier().fit(given, labels)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (dict(settings={"seed": 1}), "settings: 'seed' cannot be given here: use the parameter random_state"),
        (dict(settings={"epochs": 1}), "settings: 'epochs' cannot be given here: use the parameter epochs"),
        (dict(settings={"processes": 1}), "settings: 'processes' cannot be given here: the estimator sets it by itself"),
        (dict(settings={"weight_decy": 1}), "unknown setting 'weight_decy'; did you mean 'weight_decay'"),
        (dict(settings=[1]), "settings must be a dict of further arguments of finetune, not"),
        (dict(epochs=0), "epochs must be at least 1, not 0"),
        (dict(patience=1), "patience needs validation_fraction"),
        (dict(validation_fraction=1), "validation_fraction must be a number above 0 and below 1, or None, not 1"),
        (dict(validation_fraction=0.01), "validation_fraction is 0.01: "),
        (dict(random_state=-1), "random_state must be at least 0"),
        (dict(max_length=200), "max_length is 200, but the model's max_position_embeddings is 128"),
        (
            dict(config=None, model=ab.AlbertConfig()),
            "model must be a folder, a file or a name on the hub, not an object of type A",
        ),
    ],
)
def test_wrong_parameters(params, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        classifier(**params).fit(X, y)


def test_other_errors():
    for estimator in (classifier(), regressor()):
        with pytest.raises(NotFittedError):
            estimator.predict(X)
        with pytest.raises(NotFittedError):
            estimator.save_pretrained("folder")
        with pytest.raises(TypeError, match="sample_weight"):
            estimator.fit(X, y, sample_weight=np.ones(40))
    with pytest.raises(ValueError, match="could not convert string to float"):
        regressor().fit(X, y)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        regressor().fit(X, [np.nan] * 40)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        regressor().fit(X, np.ones((40, 2)))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ab.sklearn.AlbertClassifier.from_pretrained("nowhere")


def test_texts_that_are_cut_are_a_warning():
    with pytest.warns(UserWarning, match="40 of 40 training examples have a text longer than max_length 5 tokens, which is cut"):
        estimator = classifier(max_length=5, epochs=1).fit(X, y)
    with pytest.warns(UserWarning, match="1 of 2 examples has a text longer than max_length 5 tokens, which is cut"):
        estimator.predict(["", "A bad film, number 3."])


@pytest.mark.parametrize(("name", "expected"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", SystemExit)])
def test_a_signal_ends_a_search_too(name, expected, monkeypatch):
    """`finetune` returns after Ctrl-C; a search would go on with the next candidate."""
    from albert_np.sklearn import base

    monkeypatch.setattr(base, "finetune", lambda *_, **__: SimpleNamespace(stopped_by=name))
    estimator = classifier()
    with pytest.raises(expected):
        estimator.fit(X, y)
    assert not hasattr(estimator, "trained_") and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_without_scikit_learn(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn" or name.startswith("albert_np.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delattr(ab, "sklearn", raising=False)
    with pytest.raises(ImportError, match=r"^albert_np.sklearn needs scikit-learn: pip install 'albert_np\[sklearn\]'$"):
        ab.sklearn  # noqa: B018
    assert "sklearn" not in dir(ab)  # so that `from albert_np import *` and `help` work
