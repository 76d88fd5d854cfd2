"""ALBERT as estimators of scikit-learn, for pipelines, cross-validation and searches (the extra `sklearn`).

base         parameters, training, pickles: what classifier and regressor share
classifier   one class, or several labels, for each text or pair of texts
regressor    a number
vectorizer   the vectors of `Embedder`, as features for other estimators
"""

try:
    import sklearn as _scikit_learn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise ImportError("albert_np.sklearn needs scikit-learn: pip install 'albert_np[sklearn]'") from None

from albert_np.sklearn.classifier import AlbertClassifier
from albert_np.sklearn.regressor import AlbertRegressor
from albert_np.sklearn.vectorizer import AlbertVectorizer

__all__ = ["AlbertClassifier", "AlbertRegressor", "AlbertVectorizer"]
__dir__ = __all__.copy
