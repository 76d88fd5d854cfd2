"""scikit-learn's own checks of estimators, on numbers that are spelled as texts: without that it makes none of them.

The exceptions are listed in `EXCEPT`, with the reason; docs/sklearn.md names them, too.
"""

import inspect
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from estimators import TINY, NumbersClassifier, NumbersRegressor, NumbersVectorizer, classifier, regressor, spell
from sklearn.utils import estimator_checks

import albert_np as ab

EXCEPT = {
    "check_methods_sample_order_invariance": "texts of other lengths share a batch, and float32 rounds otherwise",
    "check_methods_subset_invariance": "texts of other lengths share a batch, and float32 rounds otherwise",
}
if "np.unique(y_pred)" in inspect.getsource(estimator_checks.check_classifiers_predictions):  # in older releases
    EXCEPT["check_classifiers_classes"] = "it expects that each class is predicted after two epochs on numbers that are spelled"


def checks(estimator):
    """(estimator, check) of all checks of the installed release."""
    if hasattr(estimator_checks, "estimator_checks_generator"):
        return list(estimator_checks.estimator_checks_generator(estimator))
    return list(estimator_checks.check_estimator(estimator, generate_only=True))


def get_name(check):
    return check.func.__name__


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose vocabulary holds the words of spelled numbers."""
    path = tmp_path_factory.mktemp("model")
    texts = spell([[n / 4 - 10, 10 - n / 4] for n in range(80)])
    classifier(epochs=1, vocab_size=100).fit(texts, [0, 1] * 40).save_pretrained(path)
    return path


FAST = {**TINY, "epochs": 2, "vocab_size": 60, "tokens_per_batch": 2048}
CASES = [
    pytest.param(*case, id=f"{type(case[0]).__name__}-{get_name(case[1])}-{i}")
    for estimator in (NumbersClassifier(**FAST), NumbersRegressor(**FAST), NumbersVectorizer("folder"))
    for i, case in enumerate(checks(estimator))
]


@pytest.mark.parametrize(("estimator", "check"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_check(estimator, check, folder):
    if isinstance(estimator, NumbersVectorizer):
        estimator.set_params(model=str(folder))
    try:
        check(estimator)
    except AssertionError:
        if get_name(check) not in EXCEPT:
            raise
        pytest.xfail(EXCEPT[get_name(check)])


def test_most_checks_are_made():
    assert len(CASES) > 120 and {get_name(case.values[1]) for case in CASES} >= {*EXCEPT, "check_estimators_pickle"}


def test_the_page_names_the_exceptions():
    page = (Path(__file__).parents[2] / "docs" / "sklearn.md").read_text(encoding="utf-8")
    assert [name for name in EXCEPT if f"`{name}`" not in page] == []


@pytest.mark.parametrize("estimator", [classifier(), regressor(), ab.sklearn.AlbertVectorizer("folder")])
def test_the_tags_say_that_texts_are_expected(estimator):
    with pytest.warns(Warning, match="Can't test estimator"):
        assert [name for name in map(get_name, (c for _, c in checks(estimator))) if "n_features" in name] == []
