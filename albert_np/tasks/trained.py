"""A trained model with its task and its tokenizer: a folder that holds everything an answer needs.

config.json  model.safetensors  spiece.model  tokenizer_config.json  tokenizer.json     the model, in the usual format
task.json                                                    the task, its options and labels, training settings and scores
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.data.formats.summary import Examples
from albert_np.io.files import make_folder, read_json, write_json
from albert_np.io.packed_checkpoint import Packing, save_packed
from albert_np.tasks import TASKS, Task, get_task
from albert_np.training.finetune import numeric_scores
from albert_np.version import __version__

FILE = "task.json"
MIN_LENGTH = 3  # tokens of a row: [CLS], one token, [SEP]


@dataclass(repr=False)
class Trained:
    """A model that answers, with everything it needs.

    `predict` and `evaluate` answer in the units of the labels. `model(...)` itself gives logits; those of a regression are
    standardised, (label - mean) / deviation with the mean and deviation of `task.options["scale"]`. Other programs that load the
    folder get these, too: `albert-np convert` writes a model whose outputs are in the labels' units.

    about     settings and scores of its training, which are stored in task.json
    packing   the format of the weights if they are stored packed (quantised or sparse), else None
    """

    task: Task
    model: Any
    tokenizer: Any
    about: dict[str, Any] = field(default_factory=dict)
    packing: Packing | None = None

    def __repr__(self) -> str:
        return f"Trained(\n  {self.task!r},\n  {self.model!r},\n  {self.tokenizer!r},\n)"

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str], task: str | Task | None = None, dtype: Any = "float32") -> "Trained":
        """Load a folder written by `save_pretrained`.

        task: the expected task. A task of your own must be named here ("file.py:Class"): a folder never decides which code runs.

        Raises ValueError if the folder is for another task or not a trained model, FileNotFoundError.
        """
        from albert_np.text import AlbertTokenizer

        path = Path(folder)
        if not path.is_dir():
            raise FileNotFoundError(f"there is no folder {str(folder)!r} with a trained model")
        if not (path / FILE).is_file():
            raise ValueError(f"{path} holds no {FILE}, so it was not written by finetune")
        values = read_json(path / FILE)
        name, options = (values.get("task"), values.get("options")) if isinstance(values, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(options, dict):
            raise ValueError(f"{path / FILE}: expected an object with 'task' and 'options'")
        if task is None and name not in TASKS:
            raise ValueError(f"{path} was trained for a task of your own; name it as file.py:Class")
        expected = get_task(name if task is None else task)
        if expected.name != name:
            raise ValueError(f"{path} was trained for the task {name!r}, not for {expected.name!r}")
        restored = restore_task(type(expected), options, path / FILE)
        about = {key: value for key, value in values.items() if key not in ("task", "options", "version")}
        return cls(restored, restored.model.from_pretrained(path, dtype=dtype), AlbertTokenizer.from_pretrained(path), about)

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
        """Return the answers for texts, for one text, or for examples of the task, each as a dict (`Task.as_json`)."""
        given = [texts] if isinstance(texts, str) else list(texts)
        examples = self.task.examples([self.task.example(each) if isinstance(each, str) else each for each in given], "texts")
        answers = self.task.answers(self.model, self.tokenizer, examples)
        return [self.task.as_json(example, answer) for example, answer in zip(examples, answers)]

    def evaluate(self, examples: Any) -> dict[str, Any]:
        """Return the scores on a file, given its path, or on a list of examples."""
        examples = self.read(examples)
        return self.task.score(examples, self.task.answers(self.model, self.tokenizer, examples))

    def baselines(self, examples: Any) -> dict[str, dict[str, Any]]:
        """Return the scores of methods without training on the same file or examples: {name: scores}."""
        model_class = type(self.model)
        return baseline_scores(
            self.task, [], self.read(examples), lambda seed: model_class(self.model.config, seed=seed), self.tokenizer
        )

    def read(self, examples: Any, labelled: bool = True) -> list[Any]:
        """Return the examples of a file in one of the task's formats, or a list of examples unchanged.

        labelled: whether the file must have labels. The list of a file has a `summary` (data/formats/summary.py).
        """
        if not labelled and isinstance(examples, str | os.PathLike):
            examples = self.task.read_unlabelled(examples)
        else:
            examples = self.task.examples(examples)
        if isinstance(examples, Examples):
            examples.summary.labels = self.task.describe_labels(examples)
        return examples


def restore_task(task: type[Task], options: dict[str, Any], file: Path) -> Task:
    """Return the task with the options stored in a file. Raises ValueError that names the file if they are invalid."""
    max_length = options.get("max_length", MIN_LENGTH)
    if type(max_length) is not int or max_length < MIN_LENGTH:
        raise ValueError(f"{file}: max_length must be a number of tokens, {MIN_LENGTH} or more, not {max_length!r}")
    try:
        restored = task(**options)
        restored.config()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file}: its options are not those of {task.name}: {error}") from None
    needs_labels = "labels" in restored.defaults and restored.options.get("kind") != "number"
    labels = restored.options.get("labels")
    if needs_labels and not (isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels)):
        raise ValueError(f"{file}: its options have no list of labels, so this is not a trained model of {task.name}")
    return restored


def baseline_scores(
    task: Task, train: list[Any], examples: list[Any], make_model: Callable[[int], Any], tokenizer: Any
) -> dict[str, dict[str, Any]]:
    """Return the scores of the task's baselines or, if it has none, of an untrained model, `make_model(seed)`: {name: scores}."""
    answers = task.baselines(train, examples) or {"an untrained model": task.answers(make_model(0), tokenizer, examples)}
    return {name: numeric_scores(task.score(examples, each)) for name, each in answers.items()}
