"""The common part of the classifier and the regressor: parameters, training, pickles.

A fitted estimator is pickled as the files of its trained model, so that it does not depend on a folder, and a later version reads
it as it reads the folder.
"""

import os
import signal
import warnings
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from albert_np.data.formats import Labelled
from albert_np.data.formats.given_texts import Row, check_texts, is_missing
from albert_np.engine.mpi import SINGLE_PROCESS
from albert_np.io.in_memory import load_saved, read_saved
from albert_np.tasks.finetune import finetune
from albert_np.tasks.initial_model import VOCAB_SIZE
from albert_np.tasks.trained import Trained
from albert_np.training.callbacks import Callback, Callbacks
from albert_np.training.progress import Progress
from albert_np.training.state import History

E = TypeVar("E", bound="AlbertEstimator")

# Arguments of `finetune` that an estimator sets by itself, with the parameter that has the same meaning
FIXED = {
    "train": "", "dev": "validation_fraction", "task": "", "seeds": "", "seed": "random_state", "options": "max_length",
    "progress": "verbose", "report": "verbose", "resume": "", "processes": "", "lr": "learning_rate",
}  # fmt: skip


class AlbertEstimator(BaseEstimator):
    """The common part of the classifier and the regressor. Fitted attributes:

    trained_          the model with its task and its tokenizer, a `Trained`
    history_          losses of the steps and scores of the epochs
    notes_            lines about the run: the characters that the tokenizer does not keep, the texts that are cut, ...
    seed_             the seed that was used
    n_features_in_    1 for texts, 2 for pairs; feature_names_in_: names of the columns of a DataFrame
    """

    trained_: Trained
    history_: History
    notes_: list[str]
    seed_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self, model: Any = None, *, config: Any = None, tokenizer: Any = None, vocab_size: int = VOCAB_SIZE, epochs: int = 3,
        learning_rate: float | None = None, tokens_per_batch: int | None = None, weight_decay: float = 0.01,
        max_length: int | None = None, dropout: float | None = None, validation_fraction: float | None = None,
        patience: int = 0, settings: dict[str, Any] | None = None, random_state: Any = None, verbose: bool = False,
        out: Any = None,
    ) -> None:  # fmt: skip
        self.model, self.config, self.tokenizer, self.vocab_size = model, config, tokenizer, vocab_size
        self.epochs, self.learning_rate, self.tokens_per_batch = epochs, learning_rate, tokens_per_batch
        self.weight_decay, self.max_length, self.dropout = weight_decay, max_length, dropout
        self.validation_fraction, self.patience, self.settings = validation_fraction, patience, settings
        self.random_state, self.verbose, self.out = random_state, verbose, out

    # ---- files and pickles ----

    @classmethod
    def from_pretrained(cls: type[E], folder: str | os.PathLike[str], **params: Any) -> E:
        """Return a fitted estimator with the model of a folder that `finetune` or `save_pretrained` has written.

        Its classes are texts, whatever they were when it was trained; params: parameters of the estimator, for the next fit.
        ValueError if the model is not for this kind of labels.
        """
        estimator = cls(folder, **params)
        estimator._set_trained(Trained.from_pretrained(folder, "classification"))
        return estimator

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the trained model as `finetune` does: for `Trained`, the commands `evaluate`, `predict`, `serve`, and others."""
        check_is_fitted(self)
        self.trained_.save_pretrained(folder)

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and attributes, with the trained model as {file: bytes}."""
        state = dict(super().__getstate__())
        if "trained_" in state:
            state["trained_"] = read_saved(state["trained_"].save_pretrained)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "trained_" in state:
            state["trained_"] = load_saved(state["trained_"], lambda folder: Trained.from_pretrained(folder, "classification"))
        super().__setstate__(state)

    # ---- conventions of scikit-learn ----

    def __sklearn_tags__(self) -> Any:
        """Return the tags (scikit-learn 1.6 and later): X is one or two columns of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        return tags

    def _more_tags(self) -> dict[str, Any]:
        """Return the same tags for scikit-learn 1.4 and 1.5."""
        return {"X_types": ["string", "1darray"], "requires_y": True}

    def _check_texts(self, X: Any, reset: bool) -> list[Row]:
        """Return the rows of X. reset: remember their form; else ValueError unless it is that of `fit`."""
        rows, names = check_texts(X)
        columns = 1 if rows[0][1] is None else 2
        if reset:
            self.n_features_in_ = columns
            if names is not None:
                self.feature_names_in_ = np.array(names, dtype=object)
            elif hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            return rows
        forms = {1: "texts", 2: "pairs of texts"}
        fitted = getattr(self, "n_features_in_", columns)
        if columns != fitted:
            raise ValueError(f"X has {forms[columns]}, but {type(self).__name__} was fitted on {forms[fitted]}")
        known = getattr(self, "feature_names_in_", None)
        if known is not None and names is not None and list(known) != names:
            raise ValueError(f"X has the columns {names}, but {type(self).__name__} was fitted on {list(known)}")
        return rows

    def _check_training_texts(self, X: Any, y: Any) -> list[Row]:
        """Return the rows of X. ValueError unless y has a label for each."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        rows = self._check_texts(X, reset=True)
        check_consistent_length(rows, y)
        check_present(y)
        return rows

    # ---- training and answers ----

    def _finetune(self, kind: str, rows: list[Row], labels: list[Any], classes: np.ndarray | None = None) -> None:
        """Fine-tune on texts with labels. classes: of each text, among which the validation texts are drawn evenly."""
        examples = [Labelled(text, pair, label) for (text, pair), label in zip(rows, labels)]
        arguments, self.seed_ = self._finetune_arguments(), self._draw_seed()
        train, dev = examples, None
        if self.validation_fraction is not None:
            train, dev = self._hold_out(examples, classes)
        elif self.patience:
            raise ValueError("patience needs validation_fraction, the share of texts on which it counts improvements")
        options = {"kind": kind} | ({} if self.max_length is None else {"max_length": plain(self.max_length)})
        notes = Notes()
        report = Callbacks(Progress(), notes) if self.verbose else notes
        done = finetune(
            "classification", train, dev, options=options, report=report, processes=SINGLE_PROCESS, seed=self.seed_, **arguments
        )
        if done.stopped_by:  # a search must not go on to its next candidate
            raise KeyboardInterrupt if done.stopped_by == "SIGINT" else SystemExit(128 + signal.Signals[done.stopped_by])
        self.history_, self.notes_ = done.history, notes.lines
        self._set_trained(done.trained)

    def _hold_out(self, examples: list[Labelled], classes: np.ndarray | None) -> tuple[list[Labelled], list[Labelled]]:
        """Return the examples to train on, and a share of them for the choice of the epoch, with all classes in proportion."""
        share = plain(self.validation_fraction)
        if not isinstance(share, float) or not 0 < share < 1:
            raise ValueError(f"validation_fraction must be a number above 0 and below 1, or None, not {share!r}")
        try:
            train, dev = train_test_split(examples, test_size=share, random_state=self.seed_, stratify=classes)
        except ValueError as error:
            raise ValueError(f"validation_fraction is {share}: {error}") from None
        return train, dev

    def _finetune_arguments(self) -> dict[str, Any]:
        """Return the arguments of `finetune` that are parameters of the estimator, with `settings`."""
        own = self.get_params(deep=False)
        check_model(self.model)
        settings = {} if self.settings is None else self.settings
        if not isinstance(settings, dict):
            raise ValueError(f"settings must be a dict of further arguments of finetune, not {settings!r}")
        for name in settings:
            if name in FIXED or name in own:
                instead = FIXED.get(name, name)
                hint = f": use the parameter {instead}" if instead in own else ": the estimator sets it by itself"
                raise ValueError(f"settings: {name!r} cannot be given here{hint}")
        for name in ("max_length", "dropout", "validation_fraction", "random_state", "verbose", "settings"):
            del own[name]
        if self.model is None and self.config is None:
            own["config"] = "small"
        arguments = {name: plain(value) for name, value in (own | settings).items()}
        if self.dropout is not None:
            both = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), plain(self.dropout))
            arguments["changes"] = both | (arguments.get("changes") or {})
        return arguments

    def _draw_seed(self) -> int:
        """Return the seed of the run: `random_state` itself if it is an integer."""
        if isinstance(self.random_state, int | np.integer):
            if self.random_state < 0:
                raise ValueError(f"random_state must be at least 0, a RandomState or None, not {self.random_state}")
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _set_trained(self, trained: Trained) -> None:
        """Set the trained model. ValueError if it is for other labels than the estimator."""
        self.trained_ = trained
        if not hasattr(self, "n_features_in_") and (pairs := trained.task.options["pairs"]) is not None:
            self.n_features_in_ = 2 if pairs else 1

    def _logits(self, X: Any) -> np.ndarray:
        """Return the outputs of the model (n, C) in the order of X."""
        check_is_fitted(self)
        rows = self._check_texts(X, reset=False)
        task, model, tokenizer = self.trained_.task, self.trained_.model, self.trained_.tokenizer
        items = [task.items(Labelled(*row), tokenizer) for row in rows]
        task.note_cut(items)
        return np.array(task.run(model, [item for (item,) in items]), np.float64)


class Notes(Callback):
    """Collects the notes of a run. Texts that are cut are a warning, too."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)
        if "longer than max_length" in text:
            warnings.warn(text, stacklevel=2)


def plain(value: Any) -> Any:
    """Return NumPy scalars, such as a search draws, as numbers of Python, in dicts too; everything else as it is."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def check_model(model: Any) -> None:
    """Raise ValueError unless a model is named by a path, by a name on the hub, or not at all."""
    if not isinstance(model, str | os.PathLike | None):
        raise ValueError(f"model must be a folder, a file or a name on the hub, not an object of type {type(model).__name__}")


def check_present(y: Any) -> None:
    """Raise ValueError if a label is missing, or a number is not finite."""
    if hasattr(y, "tocsr"):
        return
    values = np.asarray(y, dtype=object).ravel()
    missing = next((i for i, value in enumerate(values) if is_missing(value)), None)
    if missing is not None:
        raise ValueError(f"Input y contains NaN: y[{missing}] is {values[missing]!r}")
    if all(isinstance(value, float) for value in values):
        assert_all_finite(values.astype(np.float64), input_name="y")
