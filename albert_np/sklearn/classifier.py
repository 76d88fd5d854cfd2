"""Classification of texts as scikit-learn does it."""

import warnings
from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from albert_np.sklearn.base import AlbertEstimator
from albert_np.tasks.initial_model import VOCAB_SIZE
from albert_np.tasks.trained import Trained


class AlbertClassifier(ClassifierMixin, AlbertEstimator):
    """ALBERT, fine-tuned to classify texts or pairs of texts.

    model                a checkpoint to start from: a folder, a file, a name on the hub; None: a new model
    config               instead of a model: a preset's name, a file or an AlbertConfig. Without either it is "small"
    tokenizer            a folder or a tokenizer; None: the model's, or one with at most vocab_size pieces, trained in `fit`
    epochs, learning_rate, tokens_per_batch, weight_decay      see `FinetuneSettings`
    max_length           tokens of a text or a pair, which is cut there, with a warning; None: 128, or as many as the model takes
    dropout              of hidden states and attention; None: the model's
    validation_fraction  share of the texts that `fit` holds out, to keep the epoch that is best on them, and to stop after
                         `patience` epochs without improvement. None: it trains on all, and keeps the last epoch
    balance              distribute the classes evenly over the steps
    settings             further arguments of `finetune`: {"layer_decay": 0.8, "lower_case": True, "changes": {...}, ...}
    random_state         an integer is the seed of `finetune`; None: another one in every fit
    verbose              show the progress on stderr
    out                  a folder, new or empty, for the run's checkpoints, figures and model; not for several fits

    y has classes of any type that NumPy can sort, or is an indicator matrix (n, C) of several labels for each text. Fitted
    attributes besides those of `AlbertEstimator`: classes_, sorted and in the type of y.

    >>> import albert_np as ab
    >>> X, y = ["A fine film.", "A poor film.", "What a fine cast!", "What a poor plot!"], [1, 0, 1, 0]
    >>> classifier = ab.sklearn.AlbertClassifier(config="tiny", epochs=10, learning_rate=1e-3, random_state=0).fit(X, y)
    >>> classifier.predict(["A poor film.", "A fine film."])
    array([0, 1])
    """

    classes_: np.ndarray

    def __init__(
        self, model: Any = None, *, config: Any = None, tokenizer: Any = None, vocab_size: int = VOCAB_SIZE, epochs: int = 3,
        learning_rate: float | None = None, tokens_per_batch: int | None = None, weight_decay: float = 0.01,
        max_length: int | None = None, dropout: float | None = None, validation_fraction: float | None = None,
        patience: int = 0, balance: bool = False, settings: dict[str, Any] | None = None, random_state: Any = None,
        verbose: bool = False, out: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            model, config=config, tokenizer=tokenizer, vocab_size=vocab_size, epochs=epochs, learning_rate=learning_rate,
            tokens_per_batch=tokens_per_batch, weight_decay=weight_decay, max_length=max_length, dropout=dropout,
            validation_fraction=validation_fraction, patience=patience, settings=settings, random_state=random_state,
            verbose=verbose, out=out,
        )  # fmt: skip
        self.balance = balance

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _more_tags(self) -> dict[str, Any]:
        return {**super()._more_tags(), "multilabel": True}

    def fit(self, X: Any, y: Any) -> "AlbertClassifier":
        """Train a model on texts and their classes, and return the estimator. There is no `sample_weight`."""
        rows = self._check_training_texts(X, y)
        y = as_numpy(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            table = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
            if not np.isin(table, (0, 1)).all():
                raise ValueError("y has two dimensions, so it must be an indicator matrix of zeros and ones")
            self.classes_ = np.arange(table.shape[1])
            if not table.any(0).all():
                unused = ", ".join(map(str, self.classes_[~table.any(0)]))
                warnings.warn(f"no text has the label of column {unused} of y, so it will not be predicted", stacklevel=2)
            columns = np.array(name_classes(self.classes_), dtype=object)
            self._finetune("sets", rows, [columns[row.astype(bool)].tolist() for row in table])
            return self
        if kind == "multiclass-multioutput":
            raise ValueError("y has several classes for each text: make it an indicator matrix, with MultiLabelBinarizer")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(f"y has one class, {self.classes_.tolist()[0]!r}: expected two classes or more")
        names = name_classes(self.classes_)
        self._finetune("classes", rows, [names[i] for i in indices], indices)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each text (n,), or (n, C) zeros and ones: the labels of a probability above 0.5."""
        p = self.predict_proba(X)
        return (p > 0.5).astype(int) if self._is_multilabel() else self.classes_[p.argmax(1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities (n, C), with columns in the order of `classes_`; those of several labels each by itself."""
        logits = self._class_logits(X)
        return expit(logits) if self._is_multilabel() else softmax(logits, axis=1)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of `predict_proba`."""
        logits = self._class_logits(X)
        return log_expit(logits) if self._is_multilabel() else log_softmax(logits, axis=1)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits (n, C); of two classes the log odds of the second (n,)."""
        logits = self._class_logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 and not self._is_multilabel() else logits

    def _is_multilabel(self) -> bool:
        return self.trained_.task.options["kind"] == "sets"

    def _class_logits(self, X: Any) -> np.ndarray:
        """Return the logits (n, C) in the order of `classes_`; -inf for a label that no text had in training."""
        logits = self._logits(X)
        names, learned = name_classes(self.classes_), self.trained_.task.options["labels"]
        columns = [learned.index(name) if name in learned else len(learned) for name in names]
        return np.pad(logits, ((0, 0), (0, 1)), constant_values=-np.inf)[:, columns]

    def _set_trained(self, trained: Trained) -> None:
        if trained.task.options["kind"] == "number":
            raise ValueError("this model was trained on numbers: use AlbertRegressor")
        super()._set_trained(trained)
        if not hasattr(self, "classes_"):
            labels = trained.task.options["labels"]
            self.classes_ = np.array(labels) if self._is_multilabel() else np.unique(labels)


def as_numpy(y: Any) -> Any:
    """Return a column of pandas' nullable integers or booleans as an array of that type, and anything else as it is."""
    dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    return y if dtype is None else y.to_numpy(dtype=dtype)  # scikit-learn would make floats of them


def name_classes(classes: np.ndarray) -> list[str]:
    """Return the names by which the model knows the classes: their texts or, if two have the same, their indices."""
    names = [str(each) for each in classes.tolist()]
    return names if len(set(names)) == len(names) else [str(i) for i in range(len(names))]
