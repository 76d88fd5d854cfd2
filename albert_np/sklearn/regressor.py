"""Regression on texts as scikit-learn does it."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, column_or_1d

from albert_np.sklearn.base import AlbertEstimator
from albert_np.tasks.scale import parse_scale
from albert_np.tasks.trained import Trained


class AlbertRegressor(RegressorMixin, AlbertEstimator):
    """ALBERT, fine-tuned to give texts or pairs of texts a number, in any unit (it is standardised for training).

    The parameters are those of `AlbertClassifier`, except balance.

    >>> import albert_np as ab
    >>> X, y = ["A fine film.", "A poor film.", "What a fine cast!", "What a poor plot!"], [4.5, 1.0, 4.5, 1.0]
    >>> regressor = ab.sklearn.AlbertRegressor(config="tiny", epochs=20, learning_rate=1e-3, random_state=0).fit(X, y)
    >>> regressor.predict(["A poor film.", "A fine film."]) > 2.75
    array([False,  True])
    """

    def fit(self, X: Any, y: Any) -> "AlbertRegressor":
        """Train a model on texts and their numbers, and return the estimator. There is no `sample_weight`."""
        rows = self._check_training_texts(X, y)
        y = column_or_1d(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"), warn=True)
        self._finetune("number", rows, y.tolist())
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the number of each text (n,)."""
        outputs = self._logits(X)[:, 0]  # (n,), standardised
        return np.asarray(parse_scale(self.trained_.task.options["scale"]).restore(outputs))

    def _set_trained(self, trained: Trained) -> None:
        if trained.task.options["kind"] != "number":
            raise ValueError("this model was trained on classes: use AlbertClassifier")
        super()._set_trained(trained)
