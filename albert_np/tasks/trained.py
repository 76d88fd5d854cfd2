"""A trained model with its task and its tokenizer: a folder that holds everything an answer needs.

config.json  model.safetensors  spiece.model  tokenizer_config.json  tokenizer.json     the model, in the usual format
task.json                                                    the task, its options and labels, training settings and scores
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from albert_np.data.formats.summary import Examples
from albert_np.io import sources
from albert_np.io.files import DataError, IncompleteFolder, make_folder, read_json, write_json
from albert_np.io.packed_checkpoint import Packing, save_packed
from albert_np.models.vocabulary import check_vocabulary
from albert_np.tasks import TASKS, Task, get_task
from albert_np.tasks.task import MIN_LENGTH, is_frame
from albert_np.training.finetune import numeric_scores
from albert_np.training.metrics import format_score
from albert_np.version import __version__

FILE = "task.json"
LABELS = "labels_from"  # key of `about`: the labels are those of this file, not of training examples that were read here


@dataclass(repr=False)
class Trained:
    """A model that answers, with everything it needs.

    `predict` and `evaluate` answer in the units of the labels. `model(...)` itself gives logits; those of a regression are
    standardised, (label - mean) / deviation with the mean and deviation of `task.options["scale"]`. Other programs that load the
    folder get these, too: `albert-np convert` writes a model whose outputs are in the labels' units.

    about     settings and scores of its training, which are stored in task.json
    packing   the format of the weights if they are stored packed (quantised or sparse), else None

    Raises ValueError if the tokenizer has more pieces than the model.
    """

    task: Task
    model: Any
    tokenizer: Any
    about: dict[str, Any] = field(default_factory=dict)
    packing: Packing | None = None

    def __post_init__(self) -> None:
        if self.model is not None:
            check_vocabulary(self.model.config, len(self.tokenizer))

    def __repr__(self) -> str:
        return f"Trained(\n  {self.task!r},\n  {self.model!r},\n  {self.tokenizer!r},\n)"

    def _repr_html_(self) -> str:
        from albert_np.io.html import make_table

        rows = [("task", repr(self.task)), ("model", repr(self.model)), ("tokenizer", repr(self.tokenizer))]
        scores = {name: value for name, value in (self.about.get("scores") or {}).items() if isinstance(value, int | float)}
        rows += [("scores", ", ".join(f"{name} {format_score(value)}" for name, value in scores.items()))] if scores else []
        return make_table(rows, title=f"Trained for {self.task.name}")

    @classmethod
    def from_pretrained(
        cls, folder: str | os.PathLike[str], task: str | Task | None = None, dtype: Any = "float32",
        options: dict[str, Any] | None = None,
    ) -> "Trained":  # fmt: skip
        """Load a folder written by `save_pretrained`, or one that transformers fine-tuned, whose task is in its config.json.

        task     the expected task, or one that uses its models, such as "zero-shot". A task of your own must be named here
                 ("file.py:Class"): a folder never decides which code runs
        options  options of the task to change, such as the columns of its files: see `Task.change_options`

        Raises ValueError if the folder is for another task, or has no weights for its head, FileNotFoundError. A warning says
        what was inferred from config.json.
        """
        from albert_np.tasks.inferred import NotFinetuned

        path = sources.as_path(folder)
        if not path.is_dir():
            raise FileNotFoundError(f"there is no folder {str(folder)!r} with a trained model")
        using = None if task is None else get_task(task)
        if using is not None and using.based_on and _stored_name(path) != using.name:
            using = copy(using)  # the given one is not changed
            using.options, using.changed = {**using.options}, {*using.changed}
            using.change_options(options or {})
            try:
                base = cls.from_pretrained(path, using.based_on, dtype)
            except NotFinetuned as error:
                raise ValueError(f"{error}; {using.needed}") from None
            return cls(using.adopt(base.task), base.model, base.tokenizer, {**base.about, LABELS: "the task's options"})
        trained = cls._load(path, task, dtype)
        if options:
            trained.task.change_options(options)
        return trained

    @classmethod
    def _load(cls, path: Path, task: str | Task | None, dtype: Any) -> "Trained":
        """Load a folder with the options that are stored in it."""
        from albert_np.text import AlbertTokenizer

        if not (path / FILE).is_file():
            return cls._infer(path, task, dtype)
        values = read_json(path / FILE, file_names=True)
        name, options = (values.get("task"), values.get("options")) if isinstance(values, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(options, dict):
            raise DataError(f"{path / FILE}: expected an object with 'task' and 'options'")
        if task is None and name not in TASKS:
            raise ValueError(f"{path} was trained for a task of your own; name it as file.py:Class")
        expected = get_task(name if task is None else task)
        if expected.name != name:
            raise ValueError(f"{path} was trained for the task {name!r}, not for {expected.name!r}")
        restored = restore_task(type(expected), options, path / FILE)
        if values.get("stopped_by") and not values.get("epochs"):
            warnings.warn(f"the training of {path} was stopped before the end of its first epoch", stacklevel=3)
        about = {key: value for key, value in values.items() if key not in ("task", "options", "version")}
        return cls(restored, load_model(restored, path, dtype), AlbertTokenizer.from_pretrained(path), about)

    @classmethod
    def _infer(cls, path: Path, task: str | Task | None, dtype: Any) -> "Trained":
        """Load a folder without task.json, see `albert_np.tasks.inferred`."""
        from albert_np.models import AlbertConfig
        from albert_np.tasks.inferred import infer_task
        from albert_np.text import AlbertTokenizer

        try:
            config = AlbertConfig.from_pretrained(path)
        except FileNotFoundError:
            raise IncompleteFolder(f"{path} holds no {FILE} and no config.json, so it is not a trained model") from None
        tokenizer = AlbertTokenizer.from_pretrained(path)
        inferred, note = infer_task(path, config, tokenizer.model_max_length, task)
        model = load_model(inferred, path, dtype, config)
        warnings.warn(note, stacklevel=4)
        return cls(inferred, model, tokenizer, {LABELS: "config.json"})

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the model, the tokenizer and task.json into a folder."""
        path = Path(folder)
        make_folder(path)
        if self.packing is None:
            self.model.save_pretrained(path)
        else:
            save_packed(path, self.model.config, self.model.params, type(self.model).__name__, self.packing)
        self.tokenizer.save_pretrained(path)
        write_json(path / FILE, {"task": self.task.name, "options": self.task.options, **self.about, "version": __version__})

    def predict(self, texts: str | Iterable[Any]) -> list[dict[str, Any]]:
        """Return the answers for texts, for one text, or for examples of the task (a DataFrame, too), each as a dict
        (`Task.as_json`)."""
        if is_frame(texts):
            examples = self.task.examples(texts, "texts")
        else:
            given = [texts] if isinstance(texts, str | dict) or not isinstance(texts, Iterable) else list(texts)
            examples = self.task.examples([self.task.example(each) if isinstance(each, str) else each for each in given], "texts")
        answers = self.task.answers(self.model, self.tokenizer, examples)
        return [self.task.as_json(example, answer) for example, answer in zip(examples, answers)]

    def zero_shot(self, texts: str | Iterable[str], labels: str | Iterable[str], **options: Any) -> list[dict[str, Any]]:
        """Return which of the labels hold for each text, by a model of natural language inference: see `zero_shot.ZeroShot`.

        labels    a list, an array, a Series, ..., or one text in which commas separate them
        options   template ("This example is {}."), multi_label, entailment, contradiction
        """
        labels = list(labels) if isinstance(labels, Iterator) else labels
        task = get_task("zero-shot", labels=labels, **options).adopt(self.task)
        return replace(self, task=task).predict(texts)

    def evaluate(self, examples: Any) -> dict[str, Any]:
        """Return the scores on a file, given its path, or on a list of examples."""
        examples = self.read(examples)
        if not examples:
            raise ValueError("there are no examples to score")
        self.task.check_scored(examples)
        return self.task.score(examples, self.task.answers(self.model, self.tokenizer, examples))

    def baselines(self, examples: Any) -> dict[str, dict[str, Any]]:
        """Return the scores of methods without training on the same file or examples: {name: scores}."""
        model_class = type(self.model)
        return baseline_scores(
            self.task, [], self.read(examples), lambda seed: model_class(self.model.config, seed=seed), self.tokenizer
        )

    def read(self, examples: Any, labelled: bool = True) -> list[Any]:
        """Return the examples of a file in one of the task's formats, or a list of examples unchanged.

        labelled: whether the file must have labels. The list of a file has a `summary` (data/formats/summary.py). If the model's
        labels are from config.json and all of the examples' are ids, 0, 1, ..., they get their names; a warning says so.
        """
        if not labelled and isinstance(examples, str | os.PathLike):
            examples = self.task.read_unlabelled(examples)
        else:
            examples = self.task.examples(examples)
        if LABELS in self.about and self.task.options.get("labels"):
            examples = self._name_labels(examples)
        if isinstance(examples, Examples):
            examples.summary.labels = self.task.describe_labels(examples)
        return examples

    def _name_labels(self, examples: list[Any]) -> list[Any]:
        """Return the examples with names instead of ids, see `inferred.rename_ids`."""
        from albert_np.tasks.inferred import rename_ids

        renamed, note = rename_ids(examples, self.task.options["labels"])
        if note:
            warnings.warn(note, stacklevel=1)  # one place for all callers: it is shown once
        return Examples(renamed, examples.summary) if isinstance(examples, Examples) else renamed


def _stored_name(path: Path) -> Any:
    """Return the name of the task in task.json; None if there is no such file, or none in it."""
    values = read_json(path / FILE, file_names=True) if (path / FILE).is_file() else None
    return values.get("task") if isinstance(values, dict) else None


def load_model(task: Task, path: Path, dtype: Any, config: Any = None) -> Any:
    """Return the model of a trained folder, with the config beside its weights if none is given.

    ValueError if it has no weights for the task's head.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*left out")  # heads of pretraining, which the task does not use
        return task.model.from_pretrained(path, dtype=dtype, config=config, require_heads=True)


def restore_task(task: type[Task], options: dict[str, Any], file: Path) -> Task:
    """Return the task with the options stored in a file. Raises ValueError that names the file if they are invalid."""
    max_length = options.get("max_length", MIN_LENGTH)
    if type(max_length) is not int or max_length < MIN_LENGTH:
        raise DataError(f"{file}: max_length must be a number of tokens, {MIN_LENGTH} or more, not {max_length!r}")
    try:
        restored = task(**options)
        restored.config()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{file}: its options are not those of {task.name}: {error}") from None
    needs_labels = "labels" in restored.learned and restored.options.get("kind") != "number"
    labels = restored.options.get("labels")
    if needs_labels and not (isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels)):
        raise DataError(f"{file}: its options have no list of labels, so this is not a trained model of {task.name}")
    return restored


def baseline_scores(
    task: Task, train: list[Any], examples: list[Any], make_model: Callable[[int], Any], tokenizer: Any
) -> dict[str, dict[str, Any]]:
    """Return the scores of the task's baselines or, if it has none, of an untrained model, `make_model(seed)`: {name: scores}."""
    answers = task.baselines(train, examples) or {"an untrained model": task.answers(make_model(0), tokenizer, examples)}
    return {name: numeric_scores(task.score(examples, each)) for name, each in answers.items()}
