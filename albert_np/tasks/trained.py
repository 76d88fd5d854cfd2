"""A trained model with its task and its tokenizer: a folder that needs nothing else to answer.

config.json  model.safetensors  spiece.model  tokenizer_config.json  tokenizer.json        the model, as others load it, too
task.json                                                     the task, its options and labels, how it was trained, its scores
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.compress.files import Packing
from albert_np.compress.files import save as save_packed
from albert_np.io.files import make_folder, read_json, write_json
from albert_np.tasks import TASKS, Task, task_of
from albert_np.training.finetune import numeric_scores
from albert_np.version import __version__

FILE = "task.json"
SHORTEST = 3  # tokens of a row: [CLS], a piece, [SEP]


@dataclass
class Trained:
    """about: the settings of its training and its scores, which go into task.json. packing: how small its weights are stored."""

    task: Task
    model: Any
    tokenizer: Any
    about: dict[str, Any] = field(default_factory=dict)
    packing: Packing | None = None

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str], task: str | Task | None = None, dtype: Any = "float32") -> "Trained":
        """Load what `save_pretrained` wrote. task: the task that it must be for; a task of your own must be named here
        ("file.py:Class"): a folder never decides which code runs.

        ValueError if it is another task's, or no trained model at all; FileNotFoundError.
        """
        from albert_np.text import AlbertTokenizer

        path = Path(folder)
        if not path.is_dir():
            raise FileNotFoundError(f"there is no folder {str(folder)!r} with a trained model")
        if not (path / FILE).is_file():
            raise ValueError(f"{path} holds no {FILE}: it is not a model that finetune has written")
        values = read_json(path / FILE)
        name, options = (values.get("task"), values.get("options")) if isinstance(values, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(options, dict):
            raise ValueError(f"{path / FILE}: expected an object with 'task' and 'options'")
        if task is None and name not in TASKS:
            raise ValueError(f"{path} was trained for a task of your own; name it as file.py:Class")
        asked = task_of(name if task is None else task)
        if asked.name != name:
            raise ValueError(f"{path} was trained for the task {name!r}, not for {asked.name!r}")
        found = task_with(type(asked), options, path / FILE)
        about = {key: value for key, value in values.items() if key not in ("task", "options", "version")}
        return cls(found, found.model.from_pretrained(path, dtype=dtype), AlbertTokenizer.from_pretrained(path), about)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the folder; see above."""
        path = Path(folder)
        make_folder(path)
        if self.packing is None:
            self.model.save_pretrained(path)
        else:
            save_packed(path, self.model.config, self.model.params, type(self.model).__name__, self.packing)
        self.tokenizer.save_pretrained(path)
        write_json(path / FILE, {"task": self.task.name, "options": self.task.options, **self.about, "version": __version__})

    def predict(self, texts: Any) -> list[dict[str, Any]]:
        """Answers for texts (or for one text, or for examples of the task): a dict each, its form is the task's (`as_json`)."""
        given = [texts] if isinstance(texts, str) else list(texts)
        examples = self.task.examples([self.task.example(each) if isinstance(each, str) else each for each in given], "texts")
        answers = self.task.answers(self.model, self.tokenizer, examples)
        return [self.task.as_json(example, answer) for example, answer in zip(examples, answers)]

    def evaluate(self, examples: Any) -> dict[str, Any]:
        """The scores on a file, or on examples."""
        examples = self.read(examples)
        return self.task.score(examples, self.task.answers(self.model, self.tokenizer, examples))

    def baselines(self, examples: Any) -> dict[str, dict[str, Any]]:
        """The scores of what needs no training, on the same file or examples: {its name: scores}."""
        fresh = type(self.model)
        return baseline_scores(
            self.task, [], self.read(examples), lambda seed: fresh(self.model.config, seed=seed), self.tokenizer
        )

    def read(self, examples: Any) -> list[Any]:
        """The examples of a file in one of the task's formats; a list stays as it is."""
        return self.task.examples(examples)


def task_with(task: type[Task], options: dict[str, Any], file: Path) -> Task:
    """The task with the options that a file has. ValueError that names the file if they make no sense."""
    try:
        found = task(**options)
        found.config()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file}: its options are not those of {task.name}: {error}") from None
    if "labels" in found.defaults and found.options.get("kind") != "number" and not are_texts(found.options["labels"]):
        raise ValueError(f"{file}: its options have no list of labels, so this is no trained model of {task.name}")
    most = found.options.get("max_length", SHORTEST)
    if type(most) is not int or most < SHORTEST:
        raise ValueError(f"{file}: max_length must be a number of tokens, {SHORTEST} or more, not {most!r}")
    return found


def are_texts(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)


def baseline_scores(
    task: Task, train: list[Any], examples: list[Any], untrained: Callable[[int], Any], tokenizer: Any
) -> dict[str, dict[str, Any]]:
    """The scores of the task's baselines or, where it has none, of a model that `untrained` makes of a seed."""
    answers = task.baselines(train, examples) or {"an untrained model": task.answers(untrained(0), tokenizer, examples)}
    return {name: numeric_scores(task.score(examples, given)) for name, given in answers.items()}
