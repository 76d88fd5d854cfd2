"""Texts, tiny estimators, and estimators that take numbers, which the checks of scikit-learn need."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

import albert_np as ab

SIZES = dict(embedding_size=16, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
X = [f"A {word} film, number {n}." for n in range(20) for word in ("good", "bad")]
y = np.array(["good", "bad"] * 20)
NUMBERS = np.where(y == "good", 4.0, 1.0)
TINY = dict(
    config="tiny", settings={"changes": SIZES}, vocab_size=80, epochs=10, learning_rate=5e-3, tokens_per_batch=128, random_state=0
)


def classifier(**params):
    return ab.sklearn.AlbertClassifier(**{**TINY, **params})


def regressor(**params):
    return ab.sklearn.AlbertRegressor(**{**TINY, **params})


def spell(X):
    """A row of numbers -> words, one for each column: "a3 b-7"."""
    return [
        " ".join(f"{chr(97 + j % 26)}{int(np.clip(np.round(4 * value), -40, 40))}" for j, value in enumerate(row)) for row in X
    ]


def validate(estimator, X, reset):
    """The checks of an array that estimators of numbers make."""
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:  # scikit-learn 1.4 and 1.5
        return estimator._validate_data(X, reset=reset)
    return validate_data(estimator, X, reset=reset)


class Numbers:
    """A table of numbers is spelled as texts. Everything else is done by the estimator itself."""

    def fit(self, X, y=None):
        texts = spell(validate(self, X, reset=True))
        columns, names = self.n_features_in_, self.__dict__.pop("feature_names_in_", None)
        super().fit(texts, y)
        self.n_features_in_ = columns
        if names is not None:
            self.feature_names_in_ = names
        return self

    def _check_texts(self, X, reset):
        if reset:
            return super()._check_texts(X, reset)
        texts = spell(validate(self, X, reset=False))
        return [(text, None) for text in texts]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inputs = tags.input_tags
        inputs.string, inputs.one_d_array, inputs.two_d_array = False, False, True
        for kind in (tags.classifier_tags, tags.regressor_tags):
            if kind is not None:
                kind.poor_score = True  # of two epochs, on numbers that are spelled
        return tags

    def _more_tags(self):
        return {**super()._more_tags(), "X_types": ["2darray"], "poor_score": True}


class NumbersClassifier(Numbers, ab.sklearn.AlbertClassifier):
    pass


class NumbersRegressor(Numbers, ab.sklearn.AlbertRegressor):
    pass


class NumbersVectorizer(ab.sklearn.AlbertVectorizer):
    def fit(self, X, y=None):
        return super().fit(spell(validate(self, X, reset=True)))

    def transform(self, X):
        check_is_fitted(self)
        return super().transform(spell(validate(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inputs = tags.input_tags
        inputs.string, inputs.one_d_array, inputs.two_d_array = False, False, True
        return tags

    def _more_tags(self):
        return {**super()._more_tags(), "X_types": ["2darray"]}
